"""The experiment in PsychoJS: every protocol that pages take, run in node on a recording stand-in of the library, whose names and options are PsychoJS's own."""

from __future__ import annotations

import csv
import json
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from experiment_fixture import RIG, write_rig
from patience import PATIENCE_S
from test_protocols import QUICK, make_sets

from synthstim.analysis import analyse_trials, read_study, read_trials
from synthstim.errors import InputError
from synthstim.experiment import Protocol, export_experiment, list_protocols, read_protocol
from synthstim.experiment.runtime.tables import MISSING, read_table
from synthstim.experiment.web import psychojs
from synthstim.experiment.web.answers import Answers
from synthstim.experiment.web.packages import PRELOADJS
from synthstim.experiment.web.psychojs import require_for_psychojs
from synthstim.files import sha256_of

HERE = Path(__file__).with_name("psychojs")
FRAME_MS = 1000 / 60
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def refusal(name: str) -> str:
    try:
        require_for_psychojs(read_protocol(name))
    except InputError as error:
        return str(error)
    return ""


TAKEN = [name for name in list_protocols() if not refusal(name)]


@dataclass(frozen=True)
class Ran:
    """An experiment that was run: how it ended, the rows that PsychoJS would save, what was drawn, and what a page would have sent."""

    folder: Path
    quit: dict[str, Any]
    entries: list[dict[str, str]]
    draws: list[dict[str, Any]]
    sent: list[dict[str, Any]]

    @property
    def about(self) -> dict[str, Any]:
        """What experiment.json says."""
        told: dict[str, Any] = json.loads((self.folder / "psychojs" / "experiment.json").read_text(encoding="utf-8"))
        return told

    @property
    def plan(self) -> list[dict[str, str]]:
        """The first participant's."""
        return [row for row in read_table(self.folder / "plan.tsv") if row["participant"] == "1"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    try:
        PRELOADJS.files()
    except InputError as error:
        pytest.skip(str(error))
    return make_sets(tmp_path_factory.mktemp("sets"))


def export(name: str, sets: dict[str, Path], folder: Path, **options: Any) -> Path:
    protocol = read_protocol(name)
    wanted = QUICK | {"repeats": 1, "demo_trials": 0} | options.pop("settings", {})
    return export_experiment(
        None if protocol.stimuli == "tones" else sets[protocol.modality], name, out=folder / "exp", rig=write_rig(folder, RIG), psychojs=True,
        settings={key: value for key, value in wanted.items() if key in protocol.settings},
        table=sets["image"].parent / "categories.tsv" if name == "categorise" else None, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def same(sets: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One experiment for the tests that leave it as it is."""
    return export("same_different", sets, tmp_path_factory.mktemp("same"))


def run(made: Path, place: Path, search: str = "?participant=1", stops_after: int | None = None) -> Ran:
    folder = shutil.copytree(made / psychojs.FOLDER, place / "served")
    (folder / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (folder / "lib").mkdir()
    shutil.copyfile(HERE / "library.mjs", folder / psychojs.library())
    stops = [] if stops_after is None else [str(stops_after)]
    done = subprocess.run(
        [str(NODE), str(HERE / "run.mjs"), str(folder), search, psychojs.library(), *stops],
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return Ran(made, **json.loads(done.stdout))


@pytest.mark.parametrize("name", TAKEN)
def test_every_protocol_that_pages_take_runs_to_its_end(name: str, sets: dict[str, Path], tmp_path: Path) -> None:
    ran = run(export(name, sets, tmp_path), tmp_path)
    assert ran.quit["isCompleted"] == (name != "headphone_check")
    assert ran.quit["file"] == f"data/{name}_participant_001_trials"
    rows_are_those_of_the_laboratory(ran)
    stimuli_were_shown_as_planned(ran, read_protocol(name))


def test_the_scripts_are_valid_and_name_no_other_host(same: Path, tmp_path: Path) -> None:
    scripts = [path for path in (same / psychojs.FOLDER).glob("*.js") if path.name != "preloadjs.min.js"]
    assert len(scripts) == 6
    for path in scripts:
        # A module by its ending: this version of node does not look into it.
        module = shutil.copyfile(path, tmp_path / path.with_suffix(".mjs").name)
        subprocess.run([str(NODE), "--check", str(module)], check=True, timeout=PATIENCE_S)
        assert "://" not in path.read_text(encoding="utf-8")
    page = (same / psychojs.FOLDER / "index.html").read_text(encoding="utf-8")
    assert "://" not in page
    assert f'"{psychojs.library().removesuffix(".js")}.css"' in page


def rows_are_those_of_the_laboratory(ran: Ran) -> None:
    """What the script works out is what the server of pages works out of the same answers."""
    assert [(row["phase"], row["trial"], row["right"]) for row in ran.entries] == [
        (row["phase"], row["trial"], row["right"]) for row in ran.plan
    ]
    answers = Answers(ran.folder)
    token = answers.start(None)["token"]
    for one in ran.sent:
        (answers.begin if one["kind"] == "begin" else answers.trial)({**one, "token": token})
    answers.close()
    (table,) = (ran.folder / "data").glob("*_participant_001_trials.tsv")
    rows = read_table(table)
    assert list(ran.entries[0]) == list(rows[0]) == list(json.loads((ran.folder / "trials.json").read_text("utf-8")))
    for entry, row in zip(ran.entries, rows, strict=True):
        assert {**entry, "time": ""} == {**row, "time": ""}
        assert len(entry["time"]) == len(row["time"])
    files = {one["stimulus_id"]: ran.folder / one["file"] for one in ran.about["stimuli"]}
    for slot in ran.about["slots"]:
        for entry in ran.entries:
            assert entry[slot] == MISSING or entry[f"{slot}_sha256"] == sha256_of(files[entry[slot]])


def stimuli_were_shown_as_planned(ran: Ran, protocol: Protocol) -> None:
    drawn = [draw for draw in ran.draws if draw["kind"] == "ImageStim"]
    pieces = {
        piece["name"]: (piece, any(one["piece"] in ("choice", "slider") for one in routine["pieces"]))
        for routine in ran.about["routines"].values()
        for piece in routine["pieces"]
        if piece["piece"] == "image"
    }
    for name, (piece, cut) in pieces.items():
        planned = Counter(row[piece["slot"]] for row in ran.plan if row[piece["slot"]] != MISSING)
        shown = [draw for draw in drawn if draw["name"] == name]
        assert Counter(draw["src"] for draw in shown) <= planned
        if not cut:
            assert Counter(draw["src"] for draw in shown) == planned
            assert {draw["to"] - draw["from"] for draw in shown} == {round(piece["lasts_ms"] / FRAME_MS)}
    assert bool(pieces) == (protocol.modality == "image")
    # The size on the rig, by the width of a card that the participant gave: 324 pixels are 8.56 cm.
    scale = 324 / 8.56 / ran.about["px_per_cm"]
    sizes = {one["file"]: (one["width_px"], one["height_px"]) for one in ran.about["stimuli"]}
    for draw in drawn:
        assert draw["size"] == pytest.approx([side * scale for side in sizes[draw["src"]]])


def test_the_answers_are_analysed_as_documented(same: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(same, tmp_path / "study")
    ran = run(tmp_path / "study", tmp_path)
    (tmp_path / "downloads").mkdir()
    # PsychoJS begins its file with a mark of the order of bytes.
    name = f"{Path(ran.quit['file']).name}.csv"
    with open(tmp_path / "downloads" / name, "w", encoding="utf-8-sig", newline="") as stream:
        table = csv.DictWriter(stream, list(ran.entries[0]))
        table.writeheader()
        table.writerows(ran.entries)
    documented = (Path(__file__).parents[1] / "docs" / "web.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", documented, re.S)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "web.md", "exec"), {})
    assert read_table(tmp_path / "study" / "data" / name.replace(".csv", ".tsv")) == ran.entries
    study = read_study(tmp_path / "study")
    assert len(analyse_trials(read_trials(tmp_path / "study", study), study).participants) == 1


@pytest.mark.parametrize("name", [name for name in list_protocols() if name not in TAKEN])
def test_what_pages_cannot_do_is_refused_in_the_same_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        export_experiment(None, name, out=tmp_path / "out", psychojs=True)
    assert str(refused.value) == refusal(name)
    assert not (tmp_path / "out").exists()


def test_a_trial_that_was_stopped_is_interrupted(same: Path, tmp_path: Path) -> None:
    ran = run(same, tmp_path, stops_after=2)
    assert not ran.quit["isCompleted"]
    assert [row["status"] for row in ran.entries[:2]] == ["answered", "answered"]
    for row in ran.entries[2:]:
        assert (row["status"], row["response"], row["first"]) == ("interrupted", MISSING, MISSING)


@pytest.mark.parametrize("search", ["?participant=9", "?participant=x", "?participant=../1", ""])
def test_somebody_without_a_plan_is_told_so(search: str, same: Path, tmp_path: Path) -> None:
    ran = run(same, tmp_path, search)
    assert ran.quit["message"].startswith("There is no plan for participant")
    assert ran.entries == []


def test_texts_are_those_of_the_export(sets: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "de.yaml").write_text("question: |\n  Waren die Bilder gleich?\n", encoding="utf-8")
    ran = run(export("same_different", sets, tmp_path, texts=tmp_path / "de.yaml"), tmp_path)
    said = [draw["text"].strip() for draw in ran.draws if draw["kind"] == "TextStim"]
    assert said.count("Waren die Bilder gleich?") == len(ran.plan)


def test_the_library_of_the_server_is_named_as_psychopy_names_it(same: Path, tmp_path: Path) -> None:
    from psychopy.experiment import Experiment

    script = Experiment().writeScript(expPath=str(tmp_path / "plain.js"), target="PsychoJS")
    assert f"'./{psychojs.library()}'" in script
    made = (same / "psychojs" / "experiment.js").read_text(encoding="utf-8")
    assert f'"./{psychojs.library()}"' in made


def test_the_command_says_what_was_tried(
    synthstim: Any, same: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthstim.experiment.export_experiment", lambda *_, **__: same)
    said = synthstim("export", "set", "--out", "study", "--psychojs", cwd=tmp_path, status=0)
    assert "written and syntax-checked; not run on Pavlovia" in said
    assert psychojs.library() in said
