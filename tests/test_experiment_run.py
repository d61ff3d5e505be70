"""Exported experiments run for real under Xvfb: what was on the screen, what was logged, how they end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from experiment_fixture import RIG, make_set, read_bytes, write_rig
from numpy.typing import NDArray
from patience import PATIENCE_S
from PIL import Image

from synthstim.errors import InputError
from synthstim.experiment import Run, export_experiment, protocol_reading, readme, run_experiment
from synthstim.experiment.running.virtual_display import virtual_display

OBSERVER = Path(__file__).with_name("experiment_observer.py")
QUICK = {"on_ms": 50, "off_ms": 33.333, "lead_ms": 50, "rest_ms": 50, "blocks": 2}
ON, OFF, LEAD, REST = 3, 2, 3, 3
# Ids that PsychoPy or pandas would take for something else as a bare cell of conditions.csv.
IDS = ("nan", "None", "inf", "True")
BACKGROUND = 128

pytestmark = [
    pytest.mark.display,
    pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed"),
]


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with virtual_display(480, 360) as number:
        yield number


@pytest.fixture(scope="module")
def stimuli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_set(tmp_path_factory.mktemp("sets") / "photographs", ids=IDS)


def export(stimuli: Path, folder: Path, rig: str = RIG, **settings: Any) -> Path:
    return export_experiment(stimuli, out=folder / "exp", rig=write_rig(folder, rig), settings=QUICK | settings)


class Observed:
    """What an observed run left behind."""

    def __init__(self, folder: Path, code: int, output: str) -> None:
        self.code, self.output, self.folder = code, output, folder
        records = sorted((folder / "rehearsal").glob("*_session.json"))
        self.record: dict[str, Any] = json.loads(records[0].read_text(encoding="utf-8")) if records else {}
        stem = str(records[0]).removesuffix("_session.json") if records else ""
        self.frames = pd.read_csv(f"{stem}_frames.tsv", sep="\t", keep_default_na=False) if stem else pd.DataFrame()
        self.shown = (
            pd.read_csv(f"{stem}_presentations.tsv", sep="\t", keep_default_na=False) if stem else pd.DataFrame()
        )
        self.psychopy = Path(f"{stem}.csv")
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))

    def screens(self) -> list[NDArray[np.uint8]]:
        """The screens of the logged flips: the last ones but the one with which PsychoPy closes the window."""
        with np.load(self.folder.parent / "frames.npz") as saved:
            screens, order = saved["frames"], saved["order"]
        return [screens[number] for number in order[-len(self.frames) - 1 : -1]]


def observe(folder: Path, display: str, *action: str) -> Observed:
    saved = folder.parent / "frames.npz"
    environment = os.environ | {"DISPLAY": display, "SYNTHSTIM_SIMULATE": "1"}
    done = subprocess.run(
        [sys.executable, "-B", str(OBSERVER), str(folder), str(saved), *action],
        cwd=folder.parent, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    return Observed(folder, done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def observed(stimuli: Path, display: str, tmp_path_factory: pytest.TempPathFactory) -> Observed:
    folder = export(
        stimuli, tmp_path_factory.mktemp("whole"), x_deg=2.7, y_deg=-1.1, fixation=False, wait_between_blocks=True
    )
    return observe(folder, display)


def expected(run: Observed, row: Any) -> NDArray[np.uint8]:
    """The screen that a row of the frame log claims, built from the files."""
    screen = np.full((360, 480, 3), BACKGROUND, dtype=np.uint8)
    if row.drawn != "n/a":
        screen[-41:, :41] = 255 if row.stimulus_id != "n/a" else 0
    if row.stimulus_id != "n/a":
        shown = next(entry for entry in run.manifest["stimuli"] if entry["stimulus_id"] == row.stimulus_id)
        with Image.open(run.folder / shown["file"]) as opened:
            image = np.asarray(opened.convert("RGB"))
        left, top = shown["left_px"], shown["top_px"]
        screen[top : top + image.shape[0], left : left + image.shape[1]] = image
    return screen


def test_it_runs_to_its_end_without_torch_or_synthstim(observed: Observed) -> None:
    assert observed.code == 0, observed.output
    assert observed.record["status"] == "completed"
    assert observed.record["presentations"] == observed.record["presentations_planned"] == 8
    assert observed.record["gamma_correction"] is None


def test_every_logged_screen_equals_the_files_pixel_for_pixel(observed: Observed) -> None:
    compared = 0
    for row, screen in zip(observed.frames.itertuples(), observed.screens(), strict=True):
        if row.routine not in ("start", "pause"):
            assert np.array_equal(screen, expected(observed, row)), f"flip {row.frame}"
            compared += row.stimulus_id != "n/a"
    assert compared == 8 * ON


def test_pages_of_text_show_text(observed: Observed) -> None:
    pages = [s for r, s in zip(observed.frames["routine"], observed.screens(), strict=True) if r in ("start", "pause")]
    assert {"start", "pause"} <= set(observed.frames["routine"])
    assert all((page == 255).any() for page in pages[1:2])


def test_the_log_counts_every_frame(observed: Observed) -> None:
    frames = observed.frames
    assert list(frames["frame"]) == list(range(len(frames)))
    assert observed.record["frames"] == len(frames)
    assert frames["time_s"].is_monotonic_increasing
    counts = frames["routine"].value_counts()
    assert counts["trial"] == 8 * (ON + OFF)
    # The last flip, which empties the screen, still belongs to the last rest.
    assert (counts["lead"], counts["rest"]) == (2 * LEAD, 2 * REST + 1)
    assert (frames["stimulus_id"] != "n/a").sum() == 8 * ON
    assert frames["onset"].sum() == 8


def test_presentations_follow_the_plan(observed: Observed) -> None:
    planned = pd.read_csv(observed.folder / "conditions.csv")
    shown = observed.shown
    for column, plan in (
        ("presentation", "presentation"),
        ("block", "block_number"),
        ("item", "item"),
        ("marker_code", "marker_code"),
    ):
        assert list(shown[column]) == list(planned[plan])
    assert set(shown["stimulus_id"]) == set(IDS)
    checksums = {entry["stimulus_id"]: entry["sha256"] for entry in observed.manifest["stimuli"]}
    assert list(shown["sha256"]) == [checksums[name] for name in shown["stimulus_id"]]
    assert (shown["frames_shown"] == ON).all()
    assert (shown["offset_frame"] - shown["onset_frame"] == ON).all()
    onsets = observed.frames.loc[observed.frames["onset"] == 1]
    assert list(onsets["frame"]) == list(shown["onset_frame"])


def test_psychopys_own_table_has_a_row_a_presentation(observed: Observed) -> None:
    table = pd.read_csv(observed.psychopy, encoding="utf-8-sig")
    assert list(table["presentation"].dropna()) == list(range(8))
    assert list(table["image_file"].dropna()) == list(observed.shown["file"])
    assert not list((observed.folder / "rehearsal").glob("*.psydat"))


def test_nothing_hostile_ran(observed: Observed) -> None:
    assert not list(observed.folder.parent.rglob("PWNED"))
    assert not list(observed.folder.rglob("*.pyc"))


def test_escape_ends_cleanly_with_the_data_saved(stimuli: Path, display: str, tmp_path: Path) -> None:
    run = observe(export(stimuli, tmp_path, fixation=False), display, "escape", str(2 * ON + 2))
    assert run.code == 0, run.output
    assert run.record["status"] == "stopped early"
    # Escape came while the third image was shown for its second flip.
    assert list(run.shown["frames_shown"]) == [ON, ON, 2]
    assert list(run.shown["complete"].astype(str).str.lower())[-1] == "0"
    assert run.record["frames"] == len(run.frames)
    assert np.array_equal(run.screens()[-1], np.full((360, 480, 3), BACKGROUND, dtype=np.uint8))
    assert len(pd.read_csv(run.psychopy, encoding="utf-8-sig")["presentation"].dropna()) >= 2


def test_a_killed_run_keeps_the_trials_before(stimuli: Path, display: str, tmp_path: Path) -> None:
    run = observe(export(stimuli, tmp_path, fixation=False), display, "kill", str(3 * ON + 1))
    assert run.code != 0
    assert run.record["status"] == "running"
    assert list(run.shown["frames_shown"]) == [ON, ON, ON]
    assert (run.frames["stimulus_id"] != "n/a").sum() == 3 * ON


def test_images_at_the_fixation_point_back_to_back_with_serial_markers(stimuli: Path, tmp_path: Path) -> None:
    import tty

    reader, writer = os.openpty()
    tty.setraw(reader)
    tty.setraw(writer)
    rig = RIG + f"markers: {{kind: serial, port: '{os.ttyname(writer)}'}}\n"
    folder = export(stimuli, tmp_path, rig, off_ms=0, wait_for_start=False, repeats_per_block=2)
    run = simulated(folder, markers=True)
    received = read_bytes(reader, 16 + 6)
    os.close(reader)
    os.close(writer)

    shown = pd.read_csv(run.presentations, sep="\t", keep_default_na=False)
    codes = list(shown["marker_code"])
    assert run.status == "completed"
    assert list(received) == [1, 3, *codes[:8], 4, 3, *codes[8:], 4, 2]
    assert (shown["frames_shown"] == ON).all()
    frames = pd.read_csv(run.frames, sep="\t", keep_default_na=False)
    assert [int(code) for code in frames["marker"] if code != "n/a"] == list(received)[1:-1]
    assert "start" not in set(frames["routine"])
    assert frames.loc[frames["routine"] == "trial", "drawn"].str.contains("fixation_point").all()


SELF_PACED = """\
name: self_paced
title: Looking at one's own pace
summary: Each image stays until the space bar is pressed.
stimuli: images                 # what prepares the files
plan: randomised_blocks         # what orders the presentations
shared: [fixation]              # further groups of settings.yaml
settings:
  gap_ms: {type: number, default: 50, min: 20, max: 5000, units: ms, help: Empty screen after each image}
routines:
  looking:
    pieces:
      - {piece: image, name: image}
      - {piece: response, name: answer, keys: [space, x]}
  gap:
    pieces:
      - {piece: blank, name: blank, frames: [gap_ms]}
flow:
  - loop: blocks
    each:
      - loop: trials
        each:
          - {routine: looking}
          - {routine: gap}
"""


def test_a_protocol_is_a_page_of_yaml(stimuli: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "protocols").mkdir()
    for shared in (
        *protocol_reading.protocols_folder().glob("*.yaml"),
        *protocol_reading.protocols_folder().glob("*.j2"),
    ):
        shutil.copy(shared, tmp_path / "protocols")
    (tmp_path / "protocols" / "self_paced").mkdir()
    (tmp_path / "protocols" / "self_paced" / "protocol.yaml").write_text(SELF_PACED, encoding="utf-8")
    for module in (protocol_reading, readme):
        monkeypatch.setattr(module, "protocols_folder", lambda: tmp_path / "protocols")
    folder = export_experiment(
        stimuli,
        "self_paced",
        out=tmp_path / "exp",
        rig=write_rig(tmp_path),
        settings={"blocks": 1, "y_deg": 2, "size_deg": 2},
    )
    run = simulated(folder)
    assert run.status == "completed"
    shown = pd.read_csv(run.presentations, sep="\t", keep_default_na=False)
    assert len(shown) == 4
    assert (shown["frames_shown"] >= 1).all()
    answers = pd.read_csv(run.data, encoding="utf-8-sig")
    assert list(answers["answer.keys"].dropna()) == ["space"] * 4
    assert answers["answer.rt"].notna().sum() == 4


def simulated(folder: Path, **options: Any) -> Run:
    """Run without any display of the computer's own."""
    kept = {name: os.environ.pop(name, None) for name in ("DISPLAY", "WAYLAND_DISPLAY")}
    try:
        return run_experiment(folder, simulate=True, **options)
    finally:
        os.environ.update({name: value for name, value in kept.items() if value is not None})


def test_changed_stimuli_stop_before_a_window_opens(stimuli: Path, tmp_path: Path) -> None:
    folder = export(stimuli, tmp_path)
    with open(folder / "stimuli" / "inf.png", "ab") as stream:
        stream.write(b"x")
    with pytest.raises(InputError, match=r"stimuli/inf\.png has changed since the export"):
        simulated(folder)
    assert [path.name for path in (folder / "rehearsal").iterdir()] == ["run.log"]


def test_another_display_stops_the_run_with_a_sentence(stimuli: Path, display: str, tmp_path: Path) -> None:
    folder = export(stimuli, tmp_path, RIG.replace("480", "640"))
    done = subprocess.run(
        [sys.executable, "-B", "passive_fixation.py"], cwd=folder, env=os.environ | {"DISPLAY": display},
        capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "the window is 480 x 360 pixels, exported for 640 x 360" in done.stderr
    assert not list((folder / "data").glob("*_session.json"))


def test_a_run_that_takes_too_long_is_ended(stimuli: Path, tmp_path: Path) -> None:
    folder = export(stimuli, tmp_path, blocks=500)
    before = threading.active_count()
    with pytest.raises(InputError, match="still running after 5 s"):
        run_experiment(folder, simulate=True, time_limit_s=5)
    assert threading.active_count() == before


def test_without_a_display_the_sentence_says_what_to_do(
    stimuli: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export(stimuli, tmp_path)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(InputError, match="with --simulate"):
        run_experiment(folder)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="install the package xvfb"):
        run_experiment(folder, simulate=True)
    with pytest.raises(InputError, match="not an exported experiment"):
        run_experiment(tmp_path)
