"""What befalls an experiment made of trials, one fault a row: a sentence, or a table in which nothing is lost and nothing is there twice."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import tty
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from experiment_fixture import write_rig
from patience import PATIENCE_S
from test_protocols import RIG, make_sets

from synthstim.experiment import export_experiment
from synthstim.experiment.running.virtual_display import virtual_display
from synthstim.experiment.runtime.image_session import ImageSession
from synthstim.experiment.runtime.participants import Participants
from synthstim.experiment.runtime.tables import read_table

HERE, LISTENER = Path(__file__).parent, "experiment_listener.py"
QUICK = {"participants": 2, "practice_trials": 1, "repeats": 3, "lead_ms": 50, "on_ms": 50, "gap_ms": 50}
HOSTILE = (
    "{participant.__class__}",
    "$(__import__('os').system('touch PWNED'))",
    "'; import os; x='",
    'a"; touch PWNED',
    "{{7*7}}",
)

pytestmark = [pytest.mark.display, pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")]


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with virtual_display(480, 360) as number:
        yield number


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    return export_experiment(
        make_sets(folder)["image"], "oddity", out=folder / "exp", rig=write_rig(folder, RIG), settings=QUICK
    )


def start(
    folder: Path, display: str, *, limit: int | None = None, script: Sequence[str] = (LISTENER,), **environment: str
) -> subprocess.Popen[str]:
    told = {"DISPLAY": display, "SYNTHSTIM_SIMULATE": "1", "SYNTHSTIM_PARTICIPANT": "1"} | environment

    def limited() -> None:
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-B", str(HERE / script[0]), str(folder), *script[1:]], cwd=folder.parent, env=os.environ | told, preexec_fn=limited,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def run(folder: Path, display: str, **options: Any) -> tuple[int, str]:
    process = start(folder, display, **options)
    output, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, output


def trials(folder: Path) -> list[dict[str, str]]:
    return [row for path in (folder / "rehearsal").glob("*_trials.tsv") for row in read_table(path)]


def record(folder: Path) -> dict[str, Any]:
    """What the last run said of itself."""
    told = max((folder / "rehearsal").glob("*_session.json"), key=lambda path: path.stat().st_mtime_ns)
    return dict(json.loads(told.read_text(encoding="utf-8")))


def planned(folder: Path) -> int:
    return sum(row["participant"] == "1" for row in read_table(folder / "plan.tsv"))


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_after_a_kill_nothing_is_lost_and_nothing_comes_twice(exported: Path, display: str, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "exp")
    begun = folder / "rehearsal" / "oddity_participant_001_started.tsv"
    process = start(folder, display)
    wait_for(lambda: begun.exists() and begun.read_text(encoding="utf-8").count("\tmain\t") == 3, process)
    process.kill()
    process.communicate()
    before = trials(folder)
    code, output = run(folder, display)
    assert code == 0, output
    after = trials(folder)
    assert after[: len(before)] == before
    assert len(after) == planned(folder)
    assert set(Counter((row["phase"], row["trial"]) for row in after).values()) == {1}
    assert Counter(row["status"] for row in after)["interrupted"] <= 1
    assert {row["session"] for row in after} == {"1", "2"}
    code, output = run(folder, display)
    assert (code, "participant 1 has finished: give another number" in output) == (1, True)


def altered(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        path = next(folder.glob(name))
        path.write_bytes(change(path.read_bytes()))

    return alter


def missing(folder: Path) -> None:
    next((folder / "stimuli").iterdir()).unlink()


def swapped(content: bytes) -> bytes:
    """The same columns with the stimuli of a trial exchanged."""
    lines = content.decode("utf-8").splitlines()
    cells = lines[2].split(",")
    cells[3], cells[4], cells[5] = cells[5], cells[3], cells[4]
    return "\n".join([*lines[:2], ",".join(cells), *lines[3:]]).encode() + b"\n"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (altered("stimuli/*.png", lambda content: content + b"x"), r"has changed since the export \(1 of 6 stimuli\)"),
        (missing, r"is missing \(1 of 6 stimuli\)"),
        (altered("plan.tsv", lambda content: content.replace(b"\t0\t", b"\tnought\t", 1)), "plan.tsv cannot be read"),
        (altered("plan.tsv", lambda content: b""), "plan.tsv has no trial of participant 1"),
        (altered("texts.yaml", lambda content: b"- only a list\n"), "texts.yaml is not a list of names and texts"),
        (
            altered("texts.yaml", lambda content: content.replace(b"question:", b"qestion:")),
            "lacks the text 'question'",
        ),
        (altered("manifest.json", lambda content: content[:200]), "manifest.json cannot be read"),
        (altered("conditions/participant_001.csv", swapped), "where plan.tsv says"),
        (
            altered("conditions/participant_001.csv", lambda content: content.rsplit(b"\n", 2)[0] + b"\n"),
            "where plan.tsv has",
        ),
    ],
)
def test_what_was_altered_stops_with_a_sentence(
    fault: Callable[[Path], None], said: str, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(exported, tmp_path / "exp")
    fault(folder)
    monkeypatch.setenv("SYNTHSTIM_SIMULATE", "1")
    monkeypatch.setenv("SYNTHSTIM_PARTICIPANT", "1")
    with pytest.raises(SystemExit, match=f"^stopped: .*{said}"):
        begin(folder)


def begin(folder: Path) -> None:
    """As a run begins: the folder is read, then the participant is known, before the first page."""
    session = ImageSession(folder)
    session.text("question")
    session._experiment = SimpleNamespace(extraInfo={})
    session._take_participant(1)


def test_an_altered_order_stops_a_real_run_before_anything_is_shown(
    exported: Path, display: str, tmp_path: Path
) -> None:
    folder = shutil.copytree(exported, tmp_path / "exp")
    altered("conditions/participant_001.csv", swapped)(folder)
    code, output = run(folder, display)
    assert code == 1
    assert any(line.startswith("stopped: ") and "where plan.tsv says" in line for line in output.splitlines()), output
    assert trials(folder) == []


def test_a_full_disk_loses_no_trial_that_was_written(exported: Path, display: str, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "exp")
    code, output = run(folder, display, limit=6_000)
    assert code != 0, output
    written = trials(folder)
    shutil.rmtree(folder / "rehearsal" / "none", ignore_errors=True)
    code, output = run(folder, display)
    assert code == 0, output
    after = trials(folder)
    assert after[: len(written)] == written
    assert len(after) == planned(folder)


def test_escape_keeps_every_answer_and_the_next_run_goes_on(exported: Path, display: str, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "exp")
    # In the middle of the third trial: three images of three frames each.
    code, output = run(folder, display, script=("experiment_observer.py", str(tmp_path / "frames.npz"), "escape", "20"))
    assert code == 0, output
    assert record(folder)["status"] == "stopped early"
    before = trials(folder)
    assert 0 < len(before) < planned(folder)
    code, output = run(folder, display)
    assert code == 0, output
    assert trials(folder)[: len(before)] == before
    assert len(trials(folder)) == planned(folder)


def test_an_unplugged_marker_port_ends_no_run_and_is_told(display: str, tmp_path: Path) -> None:
    reader, writer = os.openpty()
    tty.setraw(writer)
    rig = RIG.partition("eye_tracker")[0] + f"markers: {{kind: serial, port: '{os.ttyname(writer)}'}}\n"
    folder = export_experiment(
        make_sets(tmp_path)["image"], "oddity", out=tmp_path / "exp", rig=write_rig(tmp_path, rig), settings=QUICK
    )
    begun = folder / "rehearsal" / "oddity_participant_001_started.tsv"
    process = start(folder, display, SYNTHSTIM_MARKERS="1")
    wait_for(lambda: begun.exists() and begun.read_text(encoding="utf-8").count("\tmain\t") == 3, process)
    os.close(writer)
    os.close(reader)
    output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, output
    assert len(trials(folder)) == planned(folder)
    assert record(folder)["status"] == "completed"
    assert record(folder)["marker_failures"] > 0


def test_ten_thousand_trials_are_planned_and_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = export_experiment(
        make_sets(tmp_path)["image"], "oddity", out=tmp_path / "exp", rig=write_rig(tmp_path, RIG),
        settings=QUICK | {"participants": 3, "repeats": 1000},
    )  # fmt: skip
    assert len(read_table(folder / "plan.tsv")) == 3 * 4001
    monkeypatch.setenv("SYNTHSTIM_SIMULATE", "1")
    (folder / "rehearsal").mkdir()
    begin(folder)


def test_one_run_of_a_participant_at_a_time(exported: Path, display: str, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "exp")
    os.environ["SYNTHSTIM_SIMULATE"] = "1"
    try:
        here = Participants(folder, json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
        assert here.claim(1) == ""
        code, output = run(folder, display)
        here.release()
    finally:
        del os.environ["SYNTHSTIM_SIMULATE"]
    assert code == 1
    assert "participant 1 is in another run now" in output


def test_a_set_that_changes_after_the_export_changes_nothing(display: str, tmp_path: Path) -> None:
    sets = make_sets(tmp_path)
    folder = export_experiment(
        sets["image"], "oddity", out=tmp_path / "exp", rig=write_rig(tmp_path, RIG), settings=QUICK | {"repeats": 1}
    )
    shutil.rmtree(sets["image"])
    code, output = run(folder, display)
    assert code == 0, output
    assert len(trials(folder)) == planned(folder)


def test_texts_with_code_in_them_stay_texts(display: str, tmp_path: Path) -> None:
    source = make_sets(tmp_path)["image"]
    ids = [row["stimulus_id"] for row in read_table(source / "stimuli.tsv")]
    lines = [f"{name}\t{HOSTILE[number % len(HOSTILE)]}" for number, name in enumerate(ids)]
    (tmp_path / "mine.tsv").write_text("\n".join(["stimulus_id\tcategory", *lines]) + "\n", encoding="utf-8")
    (tmp_path / "texts.yaml").write_text(
        "question: \"'''; import os; os.system('touch PWNED') #\"\nright: \"`x` {{verdict}}\"\n", encoding="utf-8"
    )
    (tmp_path / "design.yaml").write_text("conditions: [category]\n", encoding="utf-8")
    folder = export_experiment(
        source, "oddity", out=tmp_path / "exp", rig=write_rig(tmp_path, RIG), settings=QUICK | {"repeats": 1},
        table=tmp_path / "mine.tsv", texts=tmp_path / "texts.yaml", design=tmp_path / "design.yaml",
    )  # fmt: skip
    script = (folder / "oddity.py").read_text(encoding="utf-8") + (folder / "oddity.psyexp").read_text(encoding="utf-8")
    assert not any(text in script for text in (*HOSTILE, "PWNED"))
    code, output = run(folder, display)
    assert code == 0, output
    assert {row["condition"] for row in trials(folder)} <= set(HOSTILE)
    assert not list(tmp_path.rglob("PWNED"))
