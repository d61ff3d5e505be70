"""What was shown, as NWB and BIDS: by the flips that were made, on the recording's clock, and read back."""

from __future__ import annotations

import datetime
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pynwb
import pytest
from experiment_fixture import make_set, write_rig
from PIL import Image
from responses_fixture import write_text
from typer.testing import CliRunner

from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.experiment import export_experiment
from synthstim.experiment.runtime.frame_log import FrameLog, Presentation
from synthstim.presented import find_log, read_presented, write_bids_events, write_nwb
from synthstim.responses import align_clock, read_experiment, read_markers, read_nwb

WINDOW = (0.07, 0.17)
PERIOD = 1 / 60
BLOCKS = 3
# The flip on which the display was late by two refreshes, counted from 0: within the fifth presentation.
LATE = 4
OFFSET, DRIFT = 100.0, 2e-5


def log_run(folder: Path, stem: str = "passive_2026", *, cut_off: bool = False) -> Path:
    """The log of a run of an exported experiment, made by the runtime: flips at 60 Hz, one late, perhaps cut off."""
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "data").mkdir(exist_ok=True)
    log = FrameLog(str(folder / "data" / stem), 60)
    time, number = 3.0, 0

    def flip(shown: Presentation | None, code: int | None = None, late: int = 0) -> None:
        nonlocal time
        time += (1 + late) * PERIOD
        drawn = ("image", "photodiode") if shown else ("photodiode",)
        log.flip(time, "trial", drawn, (shown,) if shown else (), lambda: code)

    for _ in range(30):
        flip(None)
    for block in range(BLOCKS):
        for trial, one in enumerate(manifest["stimuli"]):
            shown = Presentation(
                number, block, trial, trial, one["stimulus_id"], one["file"], one["sha256"], one["marker_code"], 6
            )  # fmt: skip
            frames = 3 if cut_off and number == BLOCKS * len(manifest["stimuli"]) - 1 else 6
            for frame in range(frames):
                flip(shown, one["marker_code"] if frame == 0 else None, late=2 * (number == LATE and frame == 3))
            if frames == 6:
                for _ in range(5 + trial):
                    flip(None)
            number += 1
    log.close()
    record = {"status": "stopped early" if cut_off else "completed", "started": "2026-11-24T20:00:00+01:00",
              "subject": "m1", "psychopy": "2026.2.5", "system": "Linux", "simulated": False}  # fmt: skip
    (folder / "data" / f"{stem}_session.json").write_text(json.dumps(record))
    return folder / "data" / f"{stem}_presentations.tsv"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("exported")
    return export_experiment(make_set(root / "set"), out=root / "exp", rig=write_rig(root))


@pytest.fixture
def experiment(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "exp"))


@pytest.fixture
def run(experiment: Path) -> Path:
    log_run(experiment)
    return experiment


def record(log: Path, folder: Path) -> dict[str, Path]:
    """Spikes and markers of a recording with a clock of its own: each site fires at 90 ms, as often as the image's place."""
    shown = pd.read_csv(log, sep="\t")
    seen = OFFSET + (1 + DRIFT) * shown["onset_time_s"]
    place = {name: number for number, name in enumerate(dict.fromkeys(shown["stimulus_id"]))}
    spikes = [
        (site, time + 0.09 + 0.001 * spike)
        for name, time in zip(shown["stimulus_id"], seen, strict=True)
        for extra, site in enumerate(("a", "b"))
        for spike in range(place[name] + extra)
    ]
    return {
        "spikes": write_text(folder / "spikes.tsv", pd.DataFrame(spikes, columns=["site", "time_s"])),
        "markers": write_text(
            folder / "markers.tsv",
            pd.DataFrame({"code": shown["marker_code"], "time_s": seen}, columns=["code", "time_s"]),
        ),
    }


# What the flips say.


def test_times_are_those_of_the_flips_and_not_of_the_plan(run: Path) -> None:
    presented = read_presented(run)
    table = presented.table
    assert len(presented) == BLOCKS * 4
    assert presented.first_frame_s == pytest.approx(3 + PERIOD)
    durations = (table["offset_s"] - table["onset_s"]).to_numpy()
    assert durations[LATE] == pytest.approx(8 * PERIOD, abs=1e-5)
    assert np.allclose(np.delete(durations, LATE), 6 * PERIOD, atol=1e-5)
    assert table["missed"].tolist() == [2 * (number == LATE) for number in range(len(table))]
    assert table["complete"].tolist() == [number != LATE for number in range(len(table))]
    # The runtime counts them alike.
    logged = pd.read_csv(find_log(run), sep="\t")
    assert table["missed"].tolist() == logged["missed"].tolist()
    assert np.allclose(table["offset_s"], logged["offset_time_s"], atol=1e-5)
    assert repr(presented) == "Presented(passive_2026: 12 presentations of 4 stimuli, 1 not as planned, completed)"


def test_a_presentation_that_was_cut_off_lasted_as_long_as_it_was_seen(experiment: Path) -> None:
    log_run(experiment, cut_off=True)
    table = read_presented(experiment).table
    last = table.iloc[-1]
    # Three flips: the third stays for one refresh more.
    assert last["offset_s"] - last["onset_s"] == pytest.approx(3 * PERIOD, abs=1e-5)
    assert (last["frames_shown"], last["frames_planned"], last["complete"]) == (3, 6, False)


# BIDS.


def events(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    table = pd.read_csv(path, sep="\t", keep_default_na=False, dtype={"complete": str})
    return table, json.loads(path.with_suffix(".json").read_text())


def test_events_follow_the_rules_of_bids(run: Path, tmp_path: Path) -> None:
    path = write_bids_events(run, tmp_path / "bids", entities={"sub": "01", "run": "2"})
    assert path.name == "sub-01_task-passivefixation_run-2_events.tsv"
    assert sorted(one.name for one in path.parent.iterdir()) == [path.with_suffix(".json").name, path.name]
    table, sidecar = events(path)
    assert list(table.columns[:2]) == ["onset", "duration"]
    assert table["onset"].is_monotonic_increasing
    assert set(table.columns) <= set(sidecar)
    assert all(sidecar[name]["Description"] for name in table.columns)
    assert (sidecar["onset"]["Units"], sidecar["duration"]["Units"]) == ("s", "s")
    assert set(sidecar["complete"]["Levels"]) == set(table["complete"]) == {"true", "false"}
    assert sidecar["StimulusPresentation"]["SoftwareName"] == "PsychoPy"
    assert sidecar["StimulusPresentation"]["SoftwareVersion"] == "2026.2.5"
    assert set(table["trial_type"]) == set(sidecar["trial_type"]["Levels"]) == {"metamer"}
    assert all((run / "stimuli" / file).is_file() for file in table["stim_file"])
    assert not (table == "").any(axis=None)


def test_events_keep_the_real_duration_of_what_missed_a_refresh(run: Path, tmp_path: Path) -> None:
    table, sidecar = events(write_bids_events(run, tmp_path))
    # The screen's first frame, 30 before the first stimulus.
    assert table["onset"].iloc[0] == pytest.approx(30 * PERIOD, abs=1e-5)
    assert table["duration"].iloc[LATE] == pytest.approx(8 * PERIOD, abs=1e-5)
    assert (table["missed"].iloc[LATE], table["complete"].iloc[LATE]) == (2, "false")
    assert (table["complete"] == "true").sum() == len(table) - 1
    assert "experiment's clock" in sidecar["onset"]["Description"]
    moved = events(write_bids_events(run, tmp_path / "moved", zero_s=1.0, display_delay_s=0.02))[0]
    assert np.allclose(moved["onset"] - table["onset"], 2 + PERIOD + 0.02, atol=1e-5)
    assert np.allclose(moved["duration"], table["duration"], atol=2e-6)


def test_events_stand_on_the_recordings_clock(run: Path, tmp_path: Path) -> None:
    recorded = record(find_log(run), tmp_path)
    markers = read_markers(recorded["markers"])
    presented = read_presented(run)
    clock = align_clock(presented.table.rename(columns={"onset_s": "onset_time_s"}), markers)
    table, sidecar = events(write_bids_events(presented, tmp_path, clock=clock))
    assert np.allclose(table["onset"], markers["time_s"], atol=1e-5)
    assert "clock fitted to 12 markers" in sidecar["onset"]["Description"]


def test_events_are_not_written_over_others(run: Path, tmp_path: Path) -> None:
    path = write_bids_events(run, tmp_path)
    assert path.name == "sub-m1_task-passivefixation_events.tsv"
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already: choose another folder"):
        write_bids_events(run, tmp_path)
    assert path.read_bytes() == before
    with pytest.raises(InputError, match="entity 'sub-m_1' given: BIDS allows letters and digits"):
        write_bids_events(run, tmp_path / "other", entities={"sub": "m_1"})


# NWB.


def with_units(path: Path, spikes: Path) -> Path:
    """Another lab's program adds its sorted units to the file."""
    table = pd.read_csv(spikes, sep="\t")
    with pynwb.NWBHDF5IO(str(path), "a") as io:
        content = io.read()
        content.add_unit_column(name="label", description="site")
        for site, times in table.groupby("site")["time_s"]:
            content.add_unit(spike_times=np.sort(times.to_numpy()), label=site)
        io.write(content)
    return path


def test_counts_from_the_nwb_file_equal_those_of_the_log(run: Path, tmp_path: Path) -> None:
    log = find_log(run)
    recorded = record(log, tmp_path)
    presented = read_presented(run)
    clock = align_clock(presented.table.rename(columns={"onset_s": "onset_time_s"}), read_markers(recorded["markers"]))
    path = with_units(write_nwb(presented, tmp_path / "a.nwb", clock=clock), recorded["spikes"])
    direct = read_experiment(log, **recorded, window_s=WINDOW, incomplete="keep", session="s")
    for table in (None, "stimulus_presentations", "presented_images"):
        again = read_nwb(path, window_s=WINDOW, site_column="label", session="s", table=table)
        columns = ["stimulus_id", "repeat", "site", "response"]
        order = ["stimulus_id", "repeat", "site"]
        one, two = (
            part.trials[columns].astype({"stimulus_id": str, "site": str}).sort_values(order).reset_index(drop=True)
            for part in (direct, again)
        )
        pd.testing.assert_frame_equal(one, two)
        assert one["response"].sum() == BLOCKS * (6 + 10)
    assert again.notes == ()
    assert read_nwb(path, window_s=WINDOW).notes == (
        "1 of 12 presentations of a.nwb were cut short or missed a refresh: kept",
    )
    # With the checksums of the set's own files.
    assert set(read_nwb(path, window_s=WINDOW).trials["sha256"]) == set(direct.trials["sha256"])


def test_the_file_holds_the_pixels_and_what_became_of_each_presentation(run: Path, tmp_path: Path) -> None:
    path = write_nwb(run, tmp_path / "a.nwb")
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["a.nwb"]
    presented = read_presented(run)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        content = io.read()
        for name, file in presented.files().items():
            stored = content.stimulus_template["stimulus_images"][name].data[:]
            with Image.open(file) as opened:
                assert np.array_equal(stored, np.asarray(opened))
        table = content.intervals["stimulus_presentations"].to_dataframe()
        series = content.stimulus["presented_images"]
        order = [image.name for image in series.indexed_images.order_of_images]
        assert [order[index] for index in series.data[:]] == presented.table["stimulus_id"].tolist()
        assert np.allclose(series.timestamps[:], table["start_time"])
        assert np.allclose(table["start_time"], presented.table["onset_s"])
        assert np.allclose(table["stop_time"], presented.table["offset_s"])
        for name in ("stimulus_id", "sha256", "shown_sha256", "marker_code", "missed", "complete", "frames_shown"):
            assert table[name].tolist() == presented.table[name].tolist(), name
        # The record says when the run started, which was at its first flip.
        first = content.session_start_time + datetime.timedelta(seconds=presented.first_frame_s)
        assert abs(first - datetime.datetime.fromisoformat("2026-11-24T20:00:00+01:00")) < datetime.timedelta(
            seconds=0.001
        )
        assert (content.identifier, "experiment's clock" in content.session_description) == ("passive_2026", True)


def test_the_file_keeps_what_pynwb_validates(run: Path, tmp_path: Path) -> None:
    path = write_nwb(run, tmp_path / "a.nwb", identifier="x", description="y", session_start=datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc))  # fmt: skip
    assert pynwb.validate(path=str(path)) == []


def test_nwb_files_that_cannot_be_written_are_refused(run: Path, tmp_path: Path) -> None:
    path = write_nwb(run, tmp_path / "a.nwb")
    with pytest.raises(InputError, match="exists already"):
        write_nwb(run, path)
    with pytest.raises(InputError, match="expected a file called"):
        write_nwb(run, tmp_path / "a.h5")
    with pytest.raises(InputError, match="has no time zone"):
        write_nwb(run, tmp_path / "b.nwb", session_start=datetime.datetime(2026, 1, 1))
    image = next((run / "stimuli").iterdir())
    image.write_bytes(image.read_bytes() + b" ")
    with pytest.raises(InputError, match="has changed since it was shown"):
        write_nwb(run, tmp_path / "b.nwb")
    image.unlink()
    with pytest.raises(InputError, match="is missing from"):
        write_nwb(run, tmp_path / "b.nwb")
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["a.nwb"]


# What is refused.


def stem(folder: Path) -> Path:
    return folder / "data" / "passive_2026"


def status(folder: Path, text: str) -> None:
    Path(f"{stem(folder)}_session.json").write_text(text)


def cut(name: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        path = Path(f"{stem(folder)}_{name}.tsv")
        path.write_bytes(path.read_bytes()[:-4])

    return change


def drop_frames(folder: Path) -> None:
    path = Path(f"{stem(folder)}_frames.tsv")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:60]))


def shift_frames(folder: Path) -> None:
    path = Path(f"{stem(folder)}_frames.tsv")
    table = pd.read_csv(path, sep="\t", keep_default_na=False)
    write_text(path, table.assign(time_s=table["time_s"].astype(float) + 0.5))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: shutil.rmtree(folder / "data"), "has not been run yet: synthstim run"),
        (lambda folder: status(folder, '{"status": "running"}'), "still runs: wait for its end"),
        (lambda folder: status(folder, '{"status'), "half-written or damaged"),
        (lambda folder: Path(f"{stem(folder)}_session.json").unlink(), "session.json is missing"),
        (cut("presentations"), "ends within a line"),
        (cut("frames"), "ends within a line"),
        (lambda folder: Path(f"{stem(folder)}_frames.tsv").unlink(), "frames.tsv is missing"),
        (drop_frames, "are not of one run"),
        (shift_frames, "differ in when stimuli were shown"),
        (lambda folder: log_run(folder, "passive_2027"), "was run 2 times"),
        (lambda folder: (folder / "manifest.json").unlink(), "is not an exported experiment"),
    ],
)
def test_a_run_that_cannot_be_told_is_refused_in_a_sentence(run: Path, spoil: Callable, said: str) -> None:
    spoil(run)
    with pytest.raises(InputError, match=said) as caught:
        read_presented(run)
    assert "\n" not in str(caught.value)


def test_the_log_of_one_run_among_several_is_read(run: Path) -> None:
    second = log_run(run, "passive_2027")
    assert read_presented(second).name == "passive_2027"
    with pytest.raises(InputError, match=r"expected the experiment's folder or \.\._presentations\.tsv"):
        read_presented(run / "manifest.json")


# The command.


def test_the_command_writes_both(run: Path, tmp_path: Path) -> None:
    recorded = record(find_log(run), tmp_path)
    done = CliRunner().invoke(
        app,
        ["presented", str(run), "--nwb", str(tmp_path / "a.nwb"), "--bids", str(tmp_path / "bids"), "--markers",
         str(recorded["markers"]), "--entity", "sub=01", "--entity", "ses=2"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "1 not as planned" in done.output
    assert "clock fitted to 12 markers" in done.output
    table = events(tmp_path / "bids" / "sub-01_ses-2_task-passivefixation_events.tsv")[0]
    assert table["onset"].iloc[0] == pytest.approx(read_markers(recorded["markers"])["time_s"].iloc[0], abs=1e-5)
    with pynwb.NWBHDF5IO(str(tmp_path / "a.nwb"), "r") as io:
        onsets = io.read().intervals["stimulus_presentations"]["start_time"][:]
    assert np.allclose(onsets, table["onset"], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "said"),
    [([], "nothing to write was named"), (["--bids", "b", "--entity", "01"], "expected KEY=LABEL")],
)
def test_the_command_says_what_it_lacks(run: Path, options: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["presented", str(run), *options])
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)


@pytest.mark.display
@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
def test_a_real_run_is_told_as_it_was(experiment: Path, tmp_path: Path) -> None:
    from synthstim.experiment import run_experiment

    ran = run_experiment(experiment, simulate=True)
    with pytest.raises(InputError, match="has only been rehearsed"):
        read_presented(experiment)
    with pytest.raises(InputError, match="of a rehearsal, which nobody watched"):
        read_presented(ran.presentations)
    presented = read_presented(experiment, rehearsal=True)
    assert (presented.simulated, len(presented)) == (True, 40)
    logged = pd.read_csv(ran.presentations, sep="\t")
    assert np.allclose(presented.table["offset_s"], logged["offset_time_s"], atol=2e-6)
    assert presented.table["missed"].tolist() == logged["missed"].tolist()
    sidecar = events(write_bids_events(presented, tmp_path / "bids"))[1]
    assert sidecar["StimulusPresentation"]["Simulated"]
    assert write_nwb(presented, tmp_path / "a.nwb").is_file()
