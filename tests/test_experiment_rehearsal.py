"""Rehearsals and real runs apart; one run of a participant at a time; why a run stopped; how long it may take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synthstim.errors import InputError
from synthstim.experiment import run_experiment
from synthstim.experiment.manifest import Experiment, ListeningManifest, ViewingManifest, read_manifest
from synthstim.experiment.running import idle_limit
from synthstim.experiment.running.psychopy_home import require_psychopy_home
from synthstim.experiment.running.stop_reason import reason_of
from synthstim.experiment.runtime.participants import Participants
from synthstim.experiment.runtime.session import Session
from synthstim.experiment.runtime.simulate import MARKERS, SWITCH, data_folder, sends_markers
from synthstim.experiment.runtime.texts import read_texts
from synthstim.experiment.runtime.trial_session import TrialSession
from synthstim.experiment.runtime.trials import TrialLog, trial_columns

PLAN = "participant\ttrial\tblock\tphase\trest\tcondition\tpair\ttrack\theard\tright\n" + "".join(
    f"{number}\t{trial}\t0\tmain\t0\tall\tn/a\tn/a\tstimuli/x.wav\tdog\n" for number in (1, 2) for trial in (0, 1)
)
CONDITIONS = "part_number,trial_number,rest_before,heard\n2,0,0,stimuli/x.wav\n2,1,0,stimuli/x.wav\n"
COLUMNS = trial_columns((), ("heard",))
MANIFEST: dict[str, Any] = {
    "protocol": "word_listening", "title": "Words", "minutes": 1.5, "participants": 2, "n_catch": 0, "words": ["dog"],
    "criteria": {"headphone_trials": 6, "headphone_pass": 5, "catch_pass": 0.8},
    "conditions": [{"condition": "natural", "observer": None, "layer": None}], "rate_hz": 48000, "stimuli": [],
    "rig": {"monitor": {"width_px": 480, "height_px": 360}, "markers": {"kind": "none"}},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an experiment, as far as participants are concerned."""
    (tmp_path / "conditions").mkdir()
    for number in (1, 2):
        (tmp_path / "conditions" / f"participant_{number:03d}.csv").write_text(CONDITIONS)
    (tmp_path / "plan.tsv").write_text(PLAN)
    (tmp_path / "texts.yaml").write_text("resumed: you have done {done} of {count}\nwelcome: '{resumed}'\n")
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    return tmp_path


@pytest.fixture
def rehearsing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")


def finish(everybody: Participants, number: int) -> None:
    assert everybody.claim(number) == ""
    stem = everybody.stem(number)
    log = TrialLog(stem, everybody.plan(number), COLUMNS, passes=0)
    for trial in (0, 1):
        log.start("main", trial)
        log.answer("main", trial, {"correct": True})
    log.close()
    everybody.release()


def test_a_rehearsal_uses_up_no_participant(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "1")
    assert data_folder() == "rehearsal"
    finish(Participants(folder, MANIFEST), 1)
    assert "participant 1 has finished" in Participants(folder, MANIFEST).problem(1)
    assert Participants(folder, MANIFEST).first_free() == 2
    monkeypatch.delenv(SWITCH)
    assert data_folder() == "data"
    assert Participants(folder, MANIFEST).first_free() == 1
    assert not list((folder / "data").glob("*.tsv"))
    finish(Participants(folder, MANIFEST), 1)
    assert Participants(folder, MANIFEST).first_free() == 2


def test_a_rehearsal_of_everybody_ends_with_a_sentence_instead_of_waiting(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for switch, advice in (("1", r"remove .*rehearsal to rehearse anew"), ("0", "export it again for more")):
        monkeypatch.setenv(SWITCH, switch)
        for number in (1, 2):
            assert Participants(folder, MANIFEST).given({"participant": None}) is None
            finish(Participants(folder, MANIFEST), number)
        with pytest.raises(SystemExit, match=f"all 2 participants have finished, or are in another run now: {advice}"):
            Participants(folder, MANIFEST).given({"participant": None})


@pytest.mark.parametrize(("heard", "said"), [(0, ""), (1, "you have done 1 of 2")])
def test_who_comes_back_is_told_how_much_is_done(heard: int, said: str, folder: Path) -> None:
    everybody = Participants(folder, MANIFEST)
    assert everybody.claim(1) == ""
    log = TrialLog(everybody.stem(1), everybody.plan(1), COLUMNS, passes=5)
    for trial in range(heard):
        log.start("main", trial)
        log.answer("main", trial, {"correct": True})
    log.close()
    session = object.__new__(TrialSession)
    session.directory, session.stimuli = folder, []
    session.manifest, session._texts = (
        MANIFEST | {"slots": ["heard"], "columns": [], "design": {"method": {"kind": "constant"}}},
        read_texts(folder),
    )
    session.asking, session._course, session._trial = SimpleNamespace(), None, None
    session._participants, session._experiment = everybody, SimpleNamespace(extraInfo={})
    session._resumed, session._page = "", 0
    session._take_participant(1)
    assert session._course is not None
    session._course.log.close()
    everybody.release()
    assert session.text("welcome") == said


HOLD = """
import json, pathlib, sys
from synthstim.experiment.runtime.participants import Participants
root = pathlib.Path(sys.argv[1])
everybody = Participants(root, json.loads((root / "manifest.json").read_text()))
print(everybody.claim(1), flush=True)
sys.stdin.read()
"""


def test_a_participant_is_in_one_run_at_a_time(folder: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )  # fmt: skip
    here = Participants(folder, MANIFEST)
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "\n"
        assert "participant 1 is in another run now" in here.claim(1)
        with pytest.raises(SystemExit, match="participant 1 is in another run now"):
            here.given({"participant": 1})
        assert here.first_free() == 2
        assert here.claim(2) == here.claim(2) == ""
        assert "in another run" in Participants(folder, MANIFEST).claim(2)
        here.release()
    finally:
        other.kill()
        other.communicate()
    # However the other run ended, its participant can go on.
    assert here.claim(1) == ""
    here.release()


@pytest.mark.parametrize(
    ("environment", "folder_name", "sends"),
    [({}, "data", True), ({SWITCH: "1"}, "rehearsal", False), ({SWITCH: "guess", MARKERS: "1"}, "rehearsal", True)],
)
def test_a_rehearsal_sends_no_markers_unless_asked(
    environment: Mapping[str, str], folder_name: str, sends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (SWITCH, MARKERS):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (data_folder(), sends_markers()) == (folder_name, sends)


WARNINGS = """\
3.7268 \tWARNING \tMonitor specification not found. Creating a temporary one...
6.1467 \tWARNING \tCouldn't measure a consistent frame rate!
  - Is your graphics card set to sync to vertical blank?
  - Are you running other processes on your computer?
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "x.py", line 3, in <module>
    run()
ZeroDivisionError: division by zero
"""


@pytest.mark.parametrize(
    ("printed", "code", "said"),
    [
        ("stopped: the serial port is gone\n" + WARNINGS, 1, "the serial port is gone"),
        (WARNINGS + "stopped: the serial port is gone\n", 1, "the serial port is gone"),
        (TRACEBACK + WARNINGS, 1, "ZeroDivisionError: division by zero"),
        (TRACEBACK + "\nDuring handling, another one:\n\n" + TRACEBACK.replace("Zero", "One") + WARNINGS, 1, "OneDivisionError"),
        (WARNINGS, 137, "killed by signal 9"),
        (WARNINGS, -9, "killed by signal 9"),
        ("no such library\n" + WARNINGS, 1, "no such library"),
        (WARNINGS, 1, "it wrote nothing and ended with status 1"),
        ("", 1, "it wrote nothing"),
    ],
)  # fmt: skip
def test_the_reason_of_a_run_is_what_ended_it(printed: str, code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "run.log").write_text(printed)
    assert said in reason_of(tmp_path / "run.log", code)
    assert "graphics card" not in reason_of(tmp_path / "run.log", code)


def test_the_idle_limit_lasts_while_tables_grow_and_longer_on_a_busy_computer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(idle_limit.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(idle_limit, "processors", lambda: 2)
    monkeypatch.setattr(idle_limit, "load", lambda: 1.0)
    waiting = idle_limit.IdleLimit(tmp_path, minutes=1)
    now[0] = 400.0
    assert not waiting.over
    (tmp_path / "a_trials.tsv").write_text("a row\n")
    assert not waiting.over
    now[0] = 800.0
    assert (waiting.idle_s, waiting.over) == (400.0, False)
    now[0] = 830.0
    assert waiting.over
    monkeypatch.setattr(idle_limit, "load", lambda: 4.0)
    assert not waiting.over


DAMAGED: list[tuple[str, str]] = [
    ("", "is not the manifest"),
    ("[]", "is not the manifest"),
    ("null", "is not the manifest"),
    ("[" * 100_000, "is not the manifest"),
    ("\x00\x01", "is not the manifest"),
    (json.dumps({}), "lacks 'protocol'"),
    (json.dumps(MANIFEST | {"protocol": "../x"}), "protocol"),
    (json.dumps(MANIFEST | {"protocol": 3}), "protocol"),
    (json.dumps(MANIFEST | {"minutes": "1"}), "minutes"),
    (json.dumps(MANIFEST | {"minutes": 1e999}), "minutes"),
    (json.dumps(MANIFEST | {"rig": {}}), "lacks 'rig.monitor'"),
    (json.dumps(MANIFEST | {"rig": {"monitor": {"width_px": -1, "height_px": 2}}}), "rig.monitor.width_px"),
    (json.dumps({name: value for name, value in MANIFEST.items() if name != "rig"}), "lacks 'rig'"),
]


@pytest.mark.parametrize(("text", "said"), DAMAGED)
def test_a_damaged_manifest_is_one_sentence_before_anything_starts(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        run_experiment(tmp_path, simulate=True)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "rehearsal").exists()


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (ListeningManifest, {"words": "dog"}, "words"),
        (ListeningManifest, {"words": []}, "words"),
        (ListeningManifest, {"conditions": [{}]}, r"lacks 'conditions.0.condition'"),
        (ListeningManifest, {"criteria": []}, "criteria"),
        (ListeningManifest, {"participants": "two"}, "participants"),
        (ViewingManifest, {"stimuli": [{"file": "a.png"}]}, r"lacks 'stimuli.0.stimulus_id'"),
        (ViewingManifest, {"stimuli": {}}, "stimuli"),
        (Experiment, {"rate_hz": "48k"}, "rate_hz"),
    ],
)
def test_what_is_asked_of_a_manifest_is_checked(kind: Any, change: dict[str, Any], said: str, folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps(MANIFEST | change))
    with pytest.raises(InputError, match=said):
        read_manifest(folder, kind)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("manifest.json", "[]", "holds no JSON object"),
        ("manifest.json", "{}", "manifest.json lacks 'stimuli'"),
        ("texts.yaml", "- a list", "texts.yaml is not a list of names and texts"),
        ("texts.yaml", "a: {", "texts.yaml cannot be read"),
        ("manifest.json", '{"stimuli": [{}]}', "manifest.json lacks 'file'"),
        ("settings.json", "nothing", "settings.json cannot be read"),
    ],
)
def test_at_the_rig_too_damage_is_one_sentence(name: str, text: str, said: str, folder: Path) -> None:
    (folder / "settings.json").write_text("{}")
    (folder / name).write_text(text)
    with pytest.raises(SystemExit, match=f"stopped: .*{said}"):
        Session(folder)


@pytest.mark.skipif(os.name != "posix", reason="HOME is POSIX's")
@pytest.mark.parametrize(("home", "said"), [(None, "HOME, which is not set"), ("", "HOME, which is not set"), ("file/x", "set HOME to a folder")])  # fmt: skip
def test_without_a_home_psychopy_cannot_keep_its_preferences(
    home: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("HOME")
    if home is not None:
        monkeypatch.setenv("HOME", str(tmp_path / home) if home else "")
    with pytest.raises(InputError, match=said):
        require_psychopy_home()


def test_a_folder_that_cannot_hold_data_is_one_sentence(folder: Path) -> None:
    with pytest.raises(InputError, match="an earlier version, whose rehearsals use up participants"):
        run_experiment(folder, simulate=True)
    (folder / "runtime").mkdir()
    (folder / "runtime" / "lock.py").write_text("")
    (folder / "rehearsal").write_text("a file")
    with pytest.raises(InputError, match="rehearsal cannot be written"):
        run_experiment(folder, simulate=True)
