"""Listening experiments run for real, under Xvfb and with a private sound server: what was heard equals the files."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from experiment_fixture import RIG, write_rig
from experiment_sounds import RATE, STAGES, WORDS, make_sounds, read_recording, recorded_speaker
from numpy.typing import NDArray
from patience import PATIENCE_S

from synthstim.errors import InputError
from synthstim.experiment import export_experiment, rehearsal_lacks, run_experiment
from synthstim.experiment.running import virtual_sound
from synthstim.experiment.running.idle_limit import load, processors
from synthstim.experiment.running.virtual_display import virtual_display
from synthstim.experiment.runtime.plan import read_plan
from synthstim.experiment.runtime.sound_session import SoundSession
from synthstim.experiment.runtime.tables import read_table
from synthstim.experiment.runtime.trials import TrialLog, trial_columns

LISTENER = Path(__file__).with_name("experiment_listener.py")
MISSING = [name for name in ("Xvfb", "pulseaudio", "parec", "pactl") if shutil.which(name) is None]
SILENT = 1e-7

pytestmark = [
    pytest.mark.display,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with virtual_display(480, 360) as number:
        yield number


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sounds(tmp_path_factory.mktemp("sets") / "words", WORDS[:8], stages=STAGES[:2])


@pytest.fixture(scope="module")
def untouched(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(sounds, tmp_path_factory.mktemp("untouched"))


def export(sounds: Path | None, folder: Path, protocol: str = "word_listening", **settings: Any) -> Path:
    wanted = {"participants": 2} | settings
    return export_experiment(sounds, protocol, out=folder / "exp", rig=write_rig(folder, RIG), settings=wanted)


class Heard:
    """What a run left behind."""

    def __init__(self, folder: Path, code: int, output: str, participant: int) -> None:
        self.folder, self.code, self.output = folder, code, output
        records = sorted((folder / "rehearsal").glob("*_session.json"))
        self.record: dict[str, Any] = json.loads(records[-1].read_text(encoding="utf-8")) if records else {}
        self.rows = read_table(trials_of(folder, participant))
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def trials_of(folder: Path, participant: int) -> Path:
    protocol = next(folder.glob("*.psyexp")).stem
    return folder / "rehearsal" / f"{protocol}_participant_{participant:03d}_trials.tsv"


@contextlib.contextmanager
def started(folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with open(folder.parent / "output.txt", "wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-B", str(LISTENER), str(folder)], cwd=folder.parent, env=os.environ | environment,
            stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def listen(folder: Path, environment: dict[str, str], participant: int) -> Heard:
    with started(folder, environment) as process:
        code = process.wait(300)
    output = (folder.parent / "output.txt").read_text(encoding="utf-8", errors="replace")
    return Heard(folder, code, output, participant)


def record(sounds: Path, display: str, root: Path) -> tuple[Heard, NDArray[np.float32]]:
    """One whole session, whose participant types the number; and the recording of it."""
    folder = export(sounds, root, catch_trials=1, demo_trials=1)
    with recorded_speaker(root) as (environment, raw):
        heard = listen(folder, environment | {"DISPLAY": display, "SYNTHSTIM_SIMULATE": "1"}, 1)
    return heard, read_recording(raw)


@pytest.fixture(scope="module")
def whole(sounds: Path, display: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Heard, NDArray[np.float32]]:
    return record(sounds, display, tmp_path_factory.mktemp("whole"))


def test_it_runs_to_its_end_without_torch_or_synthstim(whole: tuple[Heard, Any]) -> None:
    heard, _ = whole
    assert heard.code == 0, heard.output
    assert heard.record["status"] == "completed"
    assert (heard.record["participant"], heard.record["run"]) == (1, 1)
    assert heard.record["headphone_passed"] is True
    assert heard.record["sound_device"]["rate_hz"] == RATE
    assert heard.record["sound_problems"] == []


def test_every_planned_trial_has_its_row(whole: tuple[Heard, Any]) -> None:
    heard, _ = whole
    plan = read_plan(heard.folder / "plan.tsv")[1]
    for name in ("phase", "condition", "right"):
        assert [row[name] for row in heard.rows] == [row[name] for row in plan]
    for slot in ("tones", "heard"):
        assert [row[slot] for row in heard.rows] == [
            Path(row[slot]).stem if row[slot] != "n/a" else "n/a" for row in plan
        ]
    assert {row["status"] for row in heard.rows} == {"answered"}
    assert {row["played"] for row in heard.rows} == {"1"}
    for row in heard.rows:
        assert row["correct"] == str(int(row["response"] == row["right"]))
        # Natural recordings and tones are what the simulated participant always recognises.
        assert row["correct"] == "1" or row["condition"] in STAGES
        assert row["response"] in [*heard.manifest["words"], "1", "2", "3"]
        lasts = entry_of(heard, row)["duration_s"]
        assert lasts <= float(row["first_key_time"]) <= float(row["response_time"])
    onsets = [onset_of(row) for row in heard.rows]
    # However slow the machine, an answer comes before the next sound.
    for row, onset, following in zip(heard.rows, onsets, onsets[1:], strict=False):
        assert onset + float(row["response_time"]) < following


def onset_of(row: dict[str, str]) -> float:
    return float(row["tones_onset_s"] if row["phase"] == "headphone" else row["heard_onset_s"])


def entry_of(heard: Heard, row: dict[str, str]) -> dict[str, Any]:
    played = row["tones"] if row["phase"] == "headphone" else row["heard"]
    return next(entry for entry in heard.manifest["stimuli"] if entry["stimulus_id"] == played)


def located(recording: NDArray[np.float32], sound: NDArray[np.float32], after: int) -> int | None:
    """Where a sound begins in a recording, by 64 samples from its first one that is not zero; None where it is not whole."""
    first = int(np.flatnonzero(sound[:, 0])[0])
    pattern = sound[first : first + 64]
    for place in np.flatnonzero(recording[after + first :, 0] == pattern[0, 0]) + after + first:
        start = int(place) - first
        if np.array_equal(recording[place : place + 64], pattern) and start + len(sound) <= len(recording):
            correlated = [
                np.corrcoef(recording[start : start + len(sound), ear], sound[:, ear])[0, 1] for ear in (0, 1)
            ]
            if min(correlated) > 0.9999:
                return start
    return None


def spans_of(heard: Heard, recording: NDArray[np.float32]) -> list[tuple[int, int] | None]:
    """Where each trial's sound lies in the recording, sample for sample; None where it was not recorded whole."""
    position, spans = 0, []
    for row in heard.rows:
        sound, rate = soundfile.read(heard.folder / entry_of(heard, row)["file"], dtype="float32", always_2d=True)
        sound = np.repeat(sound, 2, axis=1) if sound.shape[1] == 1 else sound
        assert rate == RATE
        start = located(recording, sound, position)
        if start is None or not np.array_equal(recording[start : start + len(sound)], sound):
            spans.append(None)
            continue
        position = start + len(sound)
        spans.append((start, position))
    return spans


def test_what_was_heard_equals_the_files_sample_for_sample(
    whole: tuple[Heard, NDArray[np.float32]], sounds: Path, display: str, tmp_path: Path
) -> None:
    heard, recording = whole
    spans = spans_of(heard, recording)
    # A busy computer leaves a gap here and there. A sound that is not the file's is never heard whole, however often it is played.
    lacking = {index for index, span in enumerate(spans) if span is None}
    for attempt in range(3):
        if lacking:
            (tmp_path / str(attempt)).mkdir()
            again = spans_of(*record(sounds, display, tmp_path / str(attempt)))
            lacking -= {index for index, span in enumerate(again) if span is not None}
    if lacking and load() >= processors():
        pytest.skip(f"this computer is too busy to record what it plays: {len(lacking)} of {len(spans)} with a gap")
    assert not lacking, [(heard.rows[index]["tones"], heard.rows[index]["heard"]) for index in sorted(lacking)]
    # Nothing else sounds after the noise with which the volume is set.
    for before, after in itertools.pairwise([*spans, (len(recording), len(recording))]):
        if before is not None and after is not None:
            assert np.abs(recording[before[1] : after[0]]).max(initial=0) < SILENT


def test_the_volume_noise_is_heard_first(whole: tuple[Heard, NDArray[np.float32]]) -> None:
    heard, recording = whole
    noise, _ = soundfile.read(heard.folder / heard.manifest["fixed"]["level"], dtype="float32", always_2d=True)
    first, begins = (int(np.flatnonzero(sounding[:, 0])[0]) for sounding in (recording, noise))
    assert np.array_equal(recording[first : first + RATE // 10], noise[begins : begins + RATE // 10])


def test_psychopys_own_table_names_the_participant(whole: tuple[Heard, Any]) -> None:
    heard, _ = whole
    table = pd.read_csv(next((heard.folder / "rehearsal").glob("*.csv")), encoding="utf-8-sig")
    assert set(table["participant"].dropna()) == {1}
    answers = table.dropna(subset=["response"])
    assert list(answers["response"].astype(str)) == [row["response"] for row in heard.rows]
    assert set(answers["participant"]) == {1}
    assert not list(heard.folder.rglob("*.pyc"))
    assert not list((heard.folder / "rehearsal").glob("*.psydat"))


def wait_until(condition: Any, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, "the script ended by itself"
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_after_a_crash_each_source_has_been_heard_once(sounds: Path, display: str, tmp_path: Path) -> None:
    folder = export(sounds, tmp_path, catch_trials=1, demo_trials=1, check_headphones=False, show_words=False)
    begun = folder / "rehearsal" / "word_listening_participant_002_started.tsv"
    with virtual_sound.virtual_speaker(RATE) as environment:
        environment |= {"DISPLAY": display, "SYNTHSTIM_SIMULATE": "1", "SYNTHSTIM_PARTICIPANT": "2"}
        with started(folder, environment) as process:
            # In the middle of the main part, while the fourth sound is played.
            wait_until(lambda: begun.exists() and begun.read_text(encoding="utf-8").count("\tmain\t") == 4, process)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        before = read_table(trials_of(folder, 2))
        heard = listen(folder, environment, 2)
        again = listen(folder, environment, 2)
    assert [row["phase"].replace("catch", "main") for row in before] == ["practice", "main", "main", "main"]
    assert heard.code == 0, heard.output
    assert (heard.record["status"], heard.record["run"]) == ("completed", 2)
    sources = [row["source"] for row in heard.rows]
    assert sorted(sources) == sorted(WORDS[:8])
    assert [row["status"] for row in heard.rows] == ["answered"] * 4 + ["interrupted"] + ["answered"] * 3
    assert heard.rows[:4] == before
    assert [int(row["trial"]) for row in heard.rows if row["phase"] != "practice"] == list(range(7))
    # A sound was started once, over all runs.
    assert len(read_table(begun)) == 8
    assert again.code == 1
    assert "participant 2 has finished: give another number" in again.output


def test_words_of_any_script_are_typed_and_scored(tmp_path: Path) -> None:
    words = {"one": "Tür", "two": "ねこ", "three": "стол"}
    made = make_sounds(tmp_path / "set", tuple(words), stages=STAGES[:1])
    quick = {"participants": 2, "demo_trials": 0, "catch_trials": 0, "check_headphones": False}
    folder = export_experiment(made, "word_listening", out=tmp_path / "exp", labels=words, settings=quick)
    rows = read_table(simulated(folder).presentations)
    assert {row["right"] for row in rows} == set(words.values())
    assert all(row["response"] in words.values() for row in rows)
    assert [row["correct"] for row in rows] == [str(int(row["response"] == row["right"])) for row in rows]
    assert all(row["correct"] == "1" for row in rows if row["condition"] == "natural")


def answered(folder: Path, count: int, *, right: bool) -> None:
    """Let participant 1 have done so many trials of the headphone check in an earlier run."""
    plan = read_plan(folder / "plan.tsv")[1]
    (folder / "rehearsal").mkdir()
    stem = folder / "rehearsal" / "headphone_check_participant_001"
    log = TrialLog(stem, plan, trial_columns((), ("tones",)), passes=5)
    for trial in range(count):
        log.start("headphone", trial)
        log.answer("headphone", trial, {"correct": right})
    log.close()


def test_the_headphone_check_runs_alone_and_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = export(None, tmp_path, "headphone_check")
    answered(folder, 4, right=True)
    ran = simulated(folder)
    assert ran.status == "completed"
    assert ran.presentations == trials_of(folder, 1)
    assert ran.frames is None
    rows = read_table(ran.presentations)
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3", "4", "5"]
    assert [row["session"] for row in rows] == ["1"] * 4 + ["2"] * 2
    assert [row["correct"] for row in rows[4:]] == ["1", "1"]


@pytest.mark.slow
def test_a_failed_check_stops_the_run(tmp_path: Path) -> None:
    folder = export(None, tmp_path, "headphone_check")
    answered(folder, 5, right=False)
    ran = simulated(folder)
    record = json.loads(ran.record.read_text(encoding="utf-8"))
    assert len(read_table(ran.presentations)) == 6
    assert (record["headphone_correct"], record["headphone_passed"]) == (1, False)
    assert ran.status == "headphone check failed"


def simulated(folder: Path) -> Any:
    """Run without any display or sound device of the computer's own."""
    names = ("DISPLAY", "WAYLAND_DISPLAY", "PULSE_SERVER", "XDG_RUNTIME_DIR")
    kept = {name: os.environ.pop(name, None) for name in names}
    try:
        return run_experiment(folder, simulate=True)
    finally:
        os.environ.update({name: value for name, value in kept.items() if value is not None})


def test_a_device_at_another_rate_stops_before_a_window_opens(untouched: Path, display: str, tmp_path: Path) -> None:
    folder = shutil.copytree(untouched, tmp_path / "exp")
    with virtual_sound.virtual_speaker(44100) as environment:
        heard = listen(folder, environment | {"DISPLAY": display}, 1)
    assert heard.code == 1
    assert "runs at 44100 Hz and would resample the files, which are at 48000 Hz" in heard.output
    assert "Traceback" not in heard.output
    assert not (folder / "data").exists()


@pytest.mark.parametrize(
    ("participant", "said"),
    [
        (7, "participant 7 has no order, 1 to 2 have: give another number"),
        ("seven", "the participant 'seven' is not a number"),
        ("-1", "the participant '-1' is not a number"),
    ],
)
def test_wrong_participants_stop_at_once(
    participant: object, said: str, untouched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(untouched, tmp_path / "exp")
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    (folder / "settings.json").write_text(json.dumps(settings | {"participant": participant}), encoding="utf-8")
    with pytest.raises(SystemExit, match=said):
        SoundSession(folder)
    monkeypatch.setenv("SYNTHSTIM_PARTICIPANT", str(participant))
    with pytest.raises(SystemExit, match=said):
        SoundSession(folder)


def test_a_changed_sound_stops_at_once(untouched: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(untouched, tmp_path / "exp")
    with open(folder / "stimuli" / "ref_garden.wav", "ab") as stream:
        stream.write(b"x")
    with pytest.raises(SystemExit, match=r"stimuli/ref_garden\.wav has changed since the export"):
        SoundSession(folder)


def test_what_a_rehearsal_lacks_is_told(untouched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shutil.copytree(untouched, tmp_path / "exp")
    monkeypatch.setattr("synthstim.experiment.running.run.has_sound", lambda: False)
    assert rehearsal_lacks(folder) == ""
    found = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "pulseaudio" else found(name))
    assert "apt-get install pulseaudio" in rehearsal_lacks(folder)
    with pytest.raises(InputError, match="install the package pulseaudio"):
        run_experiment(folder, simulate=True)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "apt-get install xvfb" in rehearsal_lacks(folder)
