"""The page of an experiment in headless Chromium: by jsPsych's own simulation, and by somebody who clicks and types; and its server."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from experiment_fixture import RIG, write_rig
from patience import PATIENCE_S
from report_browser import MARKS, open_browser
from selenium.webdriver.common.keys import Keys
from test_protocols import make_sets

from synthstim.analysis import analyse_trials, read_study, read_trials
from synthstim.errors import InputError
from synthstim.experiment import export_experiment, read_protocol
from synthstim.experiment.runtime.completion import SAID, fold
from synthstim.experiment.runtime.pictures import decode_all
from synthstim.experiment.runtime.tables import MISSING, read_table
from synthstim.experiment.web import packages
from synthstim.experiment.web.packages import JSPSYCH
from synthstim.experiment.web.serve import MOST_BYTES, PageServer

QUICK = {
    "participants": 3,
    "lead_ms": 50,
    "on_ms": 50,
    "practice_trials": 1,
    "comparisons": 3,
    "offset_deg": 5,
    "apart_deg": 5,
}


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    try:
        JSPSYCH.files()
    except InputError as error:
        pytest.skip(str(error))
    return make_sets(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with open_browser(tmp_path_factory.mktemp("chromium")) as driver:
        yield driver


@pytest.fixture
def served(sets: dict[str, Path], tmp_path: Path) -> Iterator[Callable[..., tuple[Path, PageServer]]]:
    servers = []

    def serve(protocol: str, *, answers: Path | None = None, **settings: Any) -> tuple[Path, PageServer]:
        modality = read_protocol(protocol).modality
        wanted = {"participants": 2, "practice_trials": 0, "check_headphones": False} if modality == "sound" else QUICK
        known = {name: value for name, value in wanted.items() if name not in _UNKNOWN.get(protocol, ())}
        made = export_experiment(
            sets[modality], protocol, out=tmp_path / protocol, rig=write_rig(tmp_path, RIG), settings=known | settings, web=True, answers=answers
        )  # fmt: skip
        servers.append(PageServer(made))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return made, servers[-1]

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


_UNKNOWN = {
    "two_places": ("apart_deg",),
    "same_different": ("offset_deg", "apart_deg"),
    "odd_one_out": ("on_ms", "offset_deg"),
    "rating": ("offset_deg", "apart_deg"),
    "word_listening": ("practice_trials",),
    "movie_oddity": ("on_ms", "offset_deg", "apart_deg"),
    "movie_rating": ("on_ms", "offset_deg", "apart_deg"),
}


def table(folder: Path, number: int) -> list[dict[str, str]]:
    return read_table(next((folder / "data").glob(f"*_participant_{number:03d}_trials.tsv")))


def until(browser: Any, script: str) -> Any:
    ends = time.monotonic() + PATIENCE_S
    while not (found := browser.execute_script(f"return {script}")):
        failed = browser.execute_script("return document.body?.dataset.failed && document.body.innerText")
        assert not failed, failed
        assert time.monotonic() < ends, browser.execute_script("return document.body.innerText")
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("protocol", ["two_places", "odd_one_out", "movie_oddity", "sound_rating", "word_listening"])
@MARKS[0]
@MARKS[1]
def test_a_simulated_participant_leaves_the_tables_of_the_laboratory(protocol: str, served: Any, browser: Any) -> None:
    folder, server = served(protocol)
    browser.get(f"{server.address}?simulate=visual")
    until(browser, "document.body?.dataset.finished")
    # The browser says nothing of scripts, styles or files that it was refused.
    assert [entry["message"] for entry in browser.get_log("browser") if "AudioContext" not in entry["message"]] == []
    plan = [row for row in read_table(folder / "plan.tsv") if row["participant"] == "1"]
    rows = table(folder, 1)
    assert [(row["phase"], row["trial"], row["right"]) for row in rows] == [
        (row["phase"], row["trial"], row["right"]) for row in plan
    ]
    told = json.loads((folder / "trials.json").read_text(encoding="utf-8"))
    for row, planned in zip(rows, plan, strict=True):
        assert list(row) == list(told)
        assert row["status"] == "answered"
        assert 0 < float(row["response_time"]) < 60
        assert row["correct"] == (MISSING if row["right"] == MISSING else str(int(row["response"] == row["right"])))
        assert row["confidence"] == MISSING
        for slot in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["slots"]:
            assert planned[slot] == MISSING or Path(planned[slot]).stem == row[slot]
    if protocol == "word_listening":
        return
    study = read_study(folder)
    assert len(analyse_trials(read_trials(folder, study), study).participants) == 1


@MARKS[0]
@MARKS[1]
def test_somebody_clicks_reloads_and_goes_on(served: Any, browser: Any) -> None:
    folder, server = served("same_different")
    browser.get(server.address)
    for button in ("I agree and take part", "It is as wide", "I do"):
        click(browser, button)
    for words in ("Same or different?", "You will see two pictures", "First some examples"):
        wait_for_text(browser, words)
        press(browser, " ")
    # The practice trial, its feedback, the page before the main part, and two trials of it.
    answer(browser)
    for _ in range(2):
        wait_for_text(browser, "Space bar")
        press(browser, " ")
    answer(browser)
    answer(browser)
    until(browser, "window.experiment.saving.waiting.length === 0 && document.querySelector('.screen')")
    until(browser, "experiment.state.told === true")
    browser.refresh()
    # Consent and the width of the card are remembered.
    until(browser, "document.body?.innerText.includes('Are you participant 1, who began on ')")
    click(browser, "Yes, I go on")
    click(browser, "I do")
    wait_for_text(browser, "Space bar")
    assert browser.execute_script("return experiment.state.participant") == 1
    left = browser.execute_script("return experiment.state.remaining('main').length")
    rows = table(folder, 1)
    # Two were answered; the third had begun when the page was loaded anew, and does not come again.
    assert [row["status"] for row in rows] == ["answered"] * 3 + ["interrupted"]
    planned = sum(row["participant"] == "1" and row["phase"] == "main" for row in read_table(folder / "plan.tsv"))
    assert left == planned - 3
    # The next one at this computer is asked for consent, and has a number of their own.
    browser.refresh()
    for button in ("No, I am somebody else", "I agree and take part", "I do"):
        click(browser, button)
    wait_for_text(browser, "Same or different?")
    assert browser.execute_script("return experiment.state.participant") == 2
    browser.refresh()
    until(browser, "document.body?.innerText.includes('Are you participant 2, who began on ')")


# Keeps what each canvas of a movie shows after it was drawn on.
_WATCH = """
window.drawn = [];
const draw = CanvasRenderingContext2D.prototype.drawImage;
CanvasRenderingContext2D.prototype.drawImage = function (...given) {
  draw.apply(this, given);
  const { width, height } = this.canvas;
  drawn.push({ slot: experiment.state.routine, flips: experiment.state.projector.flips, size: [height, width], values: [...this.getImageData(0, 0, width, height).data] });
};
"""


@MARKS[0]
@MARKS[1]
def test_a_page_draws_each_frame_of_a_movie_as_it_is_in_its_file(served: Any, browser: Any) -> None:
    folder, server = served("movie_rating", practice_trials=0)
    browser.get(server.address)
    for button in ("I agree and take part", "It is as wide", "I do"):
        click(browser, button)
    wait_for_text(browser, "How natural does it move?")
    browser.execute_script(_WATCH)
    for words in ("How natural does it move?", "You will see one", "Now the main part"):
        wait_for_text(browser, words)
        press(browser, " ")
    until(browser, "document.querySelector('.scale')?.style.visibility === 'visible'")
    browser.execute_script("document.querySelector('.scale button').click()")
    until(browser, "window.experiment.saving.waiting.length === 0 && experiment.state.done !== undefined")
    until(browser, "drawn.length > 4")
    planned = next(row for row in read_table(folder / "plan.tsv") if row["participant"] == "1")
    drawn = browser.execute_script("return drawn.slice(0, 4)")
    refreshes = browser.execute_script(
        "return experiment.state.projector.movies.get(arguments[0]).refreshes", planned["sample"]
    )
    assert [one["flips"] for one in drawn] == [refreshes * number for number in range(4)]
    frames = decode_all(folder / planned["sample"])
    for one, frame in zip(drawn, frames, strict=True):
        shown = np.uint8(one["values"]).reshape(*one["size"], 4)
        assert np.array_equal(shown[:, :, :3], np.asarray(frame))
    (row,) = [one for one in table(folder, 1) if one["status"] == "answered"][:1]
    assert int(row["missed_refreshes"]) >= 0
    assert row["response"] == "1"


@MARKS[0]
@MARKS[1]
def test_a_screen_that_cannot_show_a_movie_is_refused_before_anybody_takes_part(
    served: Any, browser: Any, tmp_path: Path
) -> None:
    folder, server = served("movie_rating", practice_trials=0)
    about = folder / "web" / "experiment.json"
    told = json.loads(about.read_text(encoding="utf-8"))
    for entry in told["stimuli"]:
        # As many as no browser draws.
        entry["frame_rate_hz"] = 1700
    about.write_text(json.dumps(told), encoding="utf-8")
    browser.get(server.address)
    until_failed = "document.body?.dataset.failed && document.body.innerText"
    ends = time.monotonic() + PATIENCE_S
    while not (said := browser.execute_script(f"return {until_failed}")):
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert "pictures a second; this experiment needs 1700, or two, three or more times as many" in said
    assert not (folder / "data" / "web_participants.json").exists()


@MARKS[0]
@MARKS[1]
def test_words_are_typed_completed_and_scored_as_in_the_laboratory(served: Any, browser: Any, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("gable\nTür\nStraße\nガラス\n", encoding="utf-8")
    folder, server = served("word_listening", answers=tmp_path / "more.txt", demo_trials=0, set_volume=False)
    browser.get(server.address)
    click(browser, "I agree and take part")
    for words in ("Word listening", "You will hear", "The words that can occur", "Tür", "Now the sounds"):
        wait_for_text(browser, words)
        press(browser, " ")
    words = ["Crème brûlée", "T-shirt", "ガラス 窓", "Straße", "İzmir", "ﬁve", "Ünal", "стол", "½", "λόγος"]
    folded = "import('./completion.js').then((module) => arguments[1](arguments[0].map(module.fold)))"
    assert browser.execute_async_script(folded, words) == [fold(word) for word in words]
    until(browser, "document.activeElement.tagName === 'INPUT'")
    field = browser.switch_to.active_element
    # Nothing yet; two begin with ga; tab adds nothing to them; the only one left is confirmed.
    field.send_keys(Keys.ENTER)
    wait_for_text(browser, SAID["first"])
    field.send_keys("Ga", Keys.ENTER)
    wait_for_text(browser, SAID["choose"])
    field.send_keys("r", Keys.TAB)
    assert field.get_attribute("value") == "garden"
    field.send_keys(Keys.ENTER)
    until(browser, "window.experiment.saving.waiting.length === 0 && !document.querySelector('input')")
    (row,) = table(folder, 1)[:1]
    assert (row["response"], row["replaced"], row["correct"]) == ("garden", "1", str(int(row["right"] == "garden")))
    assert 0 < float(row["first_key_time"]) <= float(row["response_time"])
    browser.refresh()
    click(browser, "Yes, I go on")
    wait_for_text(browser, "Word listening")
    assert browser.execute_script("return experiment.state.participant") == 1
    # To a server that does not know who comes back it is somebody new, who is asked.
    browser.execute_script(
        "Object.keys(localStorage).filter((key) => key.startsWith('synthstim word')).forEach((key) => localStorage.setItem(key, key.endsWith('who') ? '{\"participant\": 7, \"began\": 0}' : 'of another study'))"
    )
    browser.refresh()
    until(browser, "document.body?.innerText.includes('Are you participant 7, who began on ')")
    click(browser, "Yes, I go on")
    until(
        browser,
        "document.body.innerText.includes('Every place') || document.querySelector('.page button')?.textContent === 'I agree and take part'",
    )


def click(browser: Any, words: str) -> None:
    """Found and clicked in one step: between two, the page may be another."""
    button = f"[...document.querySelectorAll('.page button')].find((one) => one.textContent === {json.dumps(words)})"
    until(browser, f"(() => {{ const one = {button}; one?.click(); return one !== undefined; }})()")


def press(browser: Any, key: str) -> None:
    browser.execute_script("document.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], code: ''}))", key)


def wait_for_text(browser: Any, words: str) -> None:
    until(browser, f"document.querySelector('.screen') && document.body.innerText.includes({json.dumps(words)})")
    time.sleep(0.1)


def answer(browser: Any) -> None:
    until(browser, "document.querySelector('[data-name=same_word]')?.style.visibility === 'visible'")
    browser.execute_script("document.querySelector('[data-name=same_word]').click()")
    time.sleep(0.1)


def post(server: PageServer, path: str, content: Any, *, kind: str = "application/json") -> tuple[int, dict[str, Any]]:
    body = content if isinstance(content, bytes) else json.dumps(content).encode("utf-8")
    asked = urllib.request.Request(server.address + path, data=body, headers={"Content-Type": kind})
    try:
        with urllib.request.urlopen(asked, timeout=30) as stream:
            return stream.status, json.load(stream)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_the_server_gives_places_once_and_takes_trials_once(served: Any) -> None:
    folder, server = served("two_places", participants=2, practice_trials=0)
    _, first = post(server, "api/start", {"token": None})
    _, second = post(server, "api/start", {})
    assert (first["participant"], second["participant"]) == (1, 2)
    assert post(server, "api/start", {"token": "made up"})[0] == 409
    _, again = post(server, "api/start", {"token": first["token"]})
    assert again["participant"] == 1
    trial = {"token": first["token"], "part": "main", "trial": 0}
    assert post(server, "api/begin", trial) == (200, {})
    given = trial | {
        "onsets": {"left_side": 1.5, "right_side": 1.5},
        "answers": {"response": {"value": "left", "time": 2.0}},
    }
    for wrong in (
        given | {"answers": {"response": {"value": "<script>", "time": 2.0}}}, given | {"trial": 99}, given | {"part": "../x"},
        given | {"token": "made up"}, given | {"trial": "0"}, {},
    ):  # fmt: skip
        assert post(server, "api/trial", wrong)[0] == 409
    assert post(server, "api/trial", given) == (200, {})
    assert post(server, "api/trial", given)[0] == 409
    (row,) = table(folder, 1)
    assert (row["response"], row["response_time"], row["left_side_onset_s"]) == ("left", "0.500000", "1.500000")
    # Names and tokens are not kept, only what tells a browser again.
    kept = (folder / "data" / "web_participants.json").read_text(encoding="utf-8")
    assert first["token"] not in kept


def test_a_headphone_check_goes_on_counting_where_the_page_is_loaded_anew(served: Any) -> None:
    folder, server = served("word_listening", check_headphones=True)
    _, told = post(server, "api/start", {})
    assert told["headphone_right"] == 0
    checked = [
        row for row in read_table(folder / "plan.tsv") if row["participant"] == "1" and row["phase"] == "headphone"
    ]
    for row, right in zip(checked, (True, False, True), strict=False):
        trial = {"token": told["token"], "part": "headphone", "trial": int(row["trial"])}
        response = row["right"] if right else next(value for value in ("1", "2", "3") if value != row["right"])
        assert post(server, "api/begin", trial) == (200, {})
        assert post(server, "api/trial", trial | {"answers": {"response": {"value": response, "time": 1.0}}})[0] == 200
    _, again = post(server, "api/start", {"token": told["token"]})
    assert (again["participant"], again["headphone_right"], len(again["done"])) == (1, 2, 3)


@pytest.mark.parametrize(
    ("path", "content", "kind", "status"),
    [
        ("api/start", b"x" * (MOST_BYTES + 1), "application/json", 413),
        ("api/start", b"[]", "application/json", 400),
        ("api/start", b"{", "application/json", 400),
        ("api/start", b"[" * 10_000, "application/json", 400),
        ("api/start", b"a=b", "application/x-www-form-urlencoded", 415),
        ("api/other", b"{}", "application/json", 404),
    ],
)
def test_what_no_page_sends_is_refused(path: str, content: bytes, kind: str, status: int, served: Any) -> None:
    _, server = served("two_places")
    assert post(server, path, content, kind=kind)[0] == status


def test_only_the_files_of_the_page_are_served(served: Any) -> None:
    _, server = served("two_places")
    for path in ("", "experiment.js", "experiment.json", "stimuli/ref_chelsea.png"):
        with urllib.request.urlopen(server.address + path, timeout=30) as stream:
            assert stream.status == 200
            assert "default-src 'self'" in stream.headers["Content-Security-Policy"]
            assert "Access-Control-Allow-Origin" not in stream.headers
    for path in (
        "plan.tsv",
        "plans/001.json",
        "../plan.tsv",
        "%2e%2e/plan.tsv",
        "data/web_participants.json",
        "stimuli/../../manifest.json",
    ):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(server.address + path, timeout=30)


def test_the_command_serves_the_page_until_it_is_interrupted(
    served: Any, synthstim: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = served("two_places", participants=2, practice_trials=0)

    def interrupted(server: PageServer) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", interrupted)
    said = synthstim("web", folder, "--port", 0, cwd=tmp_path, status=0)
    assert "open http://127.0.0.1:" in said
    assert "what was answered is saved" in said


def test_the_export_says_how_its_page_is_served(
    synthstim: Any, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = served("two_places", participants=2, practice_trials=0)
    monkeypatch.setattr("synthstim.experiment.export_experiment", lambda *_, **__: made)
    for options, end in (([], f"then: synthstim run {made}"), (["--web"], f"or: synthstim web {made}")):
        said = synthstim("export", "set", "--out", "study", *options, cwd=tmp_path, status=0)
        assert " ".join(said.split()).endswith(end)


def test_what_a_page_cannot_do_is_refused_at_the_export(sets: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "adaptive.yaml").write_text(
        "method: {kind: staircase, over: match_db, easier: low}\n", encoding="utf-8"
    )
    rig = write_rig(tmp_path, RIG + "eye_tracker: {kind: mouse}\n")
    for protocol, options, said in (
        ("passive_fixation", {}, "not made of trials with slots"),
        ("oddity", {"design": tmp_path / "adaptive.yaml"}, "is adaptive, which pages are not"),
        ("fixation_reward", {"rig": rig}, "watches the gaze, which pages do not"),
    ):
        with pytest.raises(InputError, match=said):
            export_experiment(sets["image"], protocol, out=tmp_path / "out", web=True, **options)
    with pytest.raises(InputError, match="has no page: export it with --web"):
        PageServer(export_experiment(sets["image"], "oddity", out=tmp_path / "plain"))


def test_another_jspsych_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "user_cache_path", lambda _: tmp_path)
    monkeypatch.setenv(packages.REGISTRY, "file:///etc")
    with pytest.raises(InputError, match="cannot be fetched"):
        JSPSYCH.files()
    server = HTTPServer(("127.0.0.1", 0), OtherRegistry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(packages.REGISTRY, f"http://127.0.0.1:{server.server_address[1]}")
    try:
        with pytest.raises(InputError, match="its checksum differs"):
            JSPSYCH.files()
    finally:
        server.shutdown()
        server.server_close()
    assert not list(tmp_path.rglob("*.tgz"))


class OtherRegistry(BaseHTTPRequestHandler):
    """A registry that answers with something else."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"something else")

    def log_message(self, *_: object) -> None:
        pass
