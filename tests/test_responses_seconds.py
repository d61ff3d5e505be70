"""Times in another unit than seconds are refused, however few or many they are, and times in seconds are not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from responses_fixture import WINDOW, add_trials, assembly_of, write_nwb_of, write_session, write_text

from synthstim.errors import InputError
from synthstim.responses import from_xarray, read_experiment, read_nwb, read_responses
from synthstim.responses.seconds import require_seconds, require_window

ONSETS = 5.0 + 0.3 * np.arange(400)
# (lasts of the recording, spikes a second of each of its sites)
SITES = ((140.0, 12.0), (140.0, 4.0))


def recorded(factor: float = 1.0, offset: float = 0.0, seed: int = 0) -> dict[str, np.ndarray]:
    """Spikes at a steady rate, in units of which there are so many in a second."""
    generator = np.random.default_rng(seed)
    return {
        f"site{number}": factor * (offset + np.sort(generator.uniform(0, seconds, int(seconds * rate))))
        for number, (seconds, rate) in enumerate(SITES)
    }


@pytest.mark.parametrize("factor", [1e3, 24_414.0625, 30_000.0, 1e6])
def test_spikes_in_milliseconds_or_samples_are_refused(factor: float) -> None:
    with pytest.raises(InputError, match="not in samples or"):
        require_seconds(recorded(factor), ONSETS, WINDOW, "tonight")


@pytest.mark.parametrize("factor", [1e3, 30_000.0])
def test_onsets_in_milliseconds_or_samples_are_refused(factor: float) -> None:
    with pytest.raises(InputError, match="in seconds"):
        require_seconds(recorded(), factor * ONSETS, WINDOW, "tonight")


def test_recordings_in_seconds_pass_without_a_word() -> None:
    assert require_seconds(recorded(), ONSETS, WINDOW, "tonight") == ()
    # A recording of hours, of which the session is a few minutes; and a window as long as the time between presentations.
    generator = np.random.default_rng(1)
    hours = {"a": np.sort(generator.uniform(0, 4 * 3600, 20_000)), "b": np.empty(0)}
    assert require_seconds(hours, 7000 + ONSETS, WINDOW, "tonight") == ()
    assert require_seconds(recorded(), ONSETS, (0.0, 0.3), "tonight") == ()
    assert require_seconds({"a": np.array([5.1])}, np.array([5.0]), WINDOW, "one") == ()


def test_presentations_after_the_recording_ended_are_told_and_refused_if_they_are_most() -> None:
    notes = require_seconds(recorded(offset=-40), ONSETS, WINDOW, "tonight")
    assert "presentations lie before the first or after the last spike of any site" in notes[0]
    with pytest.raises(InputError, match="presentations lie where no site fires"):
        require_seconds(recorded(offset=-110), ONSETS, WINDOW, "tonight")


@pytest.mark.parametrize(
    ("window", "said"),
    [
        ((70, 170), "cannot be in seconds"),
        ((0.07, 170), "cannot be in seconds"),
        ((-200, 0.1), "cannot be in seconds"),
        ((7e-5, 17e-5), "cannot be in seconds"),
        ((0.17, 0.07), "is empty"),
        ((math.nan, 0.1), "is empty"),
        ((0.07, math.inf), "cannot be in seconds"),
        ((0.07,), "expected its start and its end"),
        ((0, 1, 2), "expected its start and its end"),
        ("0.07,0.17", "expected its start and its end"),
        (0.1, "expected its start and its end"),
        (None, "expected its start and its end"),
    ],
)
def test_what_can_be_no_window_in_seconds_is_refused(window: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_window(window, "the call")


def test_a_window_longer_than_the_time_between_presentations_is_refused() -> None:
    with pytest.raises(InputError, match=r"0\.5 to 2 s is longer than the 0\.3 s from one presentation to the next"):
        require_seconds(recorded(), ONSETS, (0.5, 2.0), "tonight")


def test_readers_of_spikes_refuse_other_units(tmp_path: Path) -> None:
    path = write_nwb_of(tmp_path / "a.nwb", lambda content: add_trials(content, "abab"), [1100.0, 1110.0, 3100.0])
    for window, said in (((0.05, 0.3), "no spike lies in the session"), ((50, 300), "cannot be in seconds")):
        with pytest.raises(InputError, match=said):
            read_nwb(path, window_s=window)
    silent = write_nwb_of(tmp_path / "b.nwb", lambda content: add_trials(content, "ab"), [1.4, 2.4])
    with pytest.raises(InputError, match=r"no spike lies in any window, 0\.05 to 0\.3 s"):
        read_nwb(silent, window_s=(0.05, 0.3))
    paths = write_session(tmp_path / "session")
    spikes = pd.read_csv(paths["spikes"], sep="\t")
    write_text(paths["spikes"], spikes.assign(time_s=1000 * spikes["time_s"]))
    with pytest.raises(InputError, match="no spike lies in the session"):
        read_experiment(**paths, window_s=WINDOW)


@pytest.mark.parametrize(
    ("said", "given", "edges", "expected"),
    [
        ("ms", None, (70, 170), WINDOW),
        ("msec", None, (70, 170), WINDOW),
        ("s", None, WINDOW, WINDOW),
        (None, "ms", (70, 170), WINDOW),
        ("seconds", "s", WINDOW, WINDOW),
        (None, None, (70, 170), "give time_unit="),
        ("samples", None, (70, 170), "give time_unit="),
        ("s", None, (70, 170), "cannot be in seconds"),
        ("ms", None, WINDOW, "cannot be in seconds|is empty"),
        ("ms", "s", (70, 170), "says that its time bins are in ms"),
        (None, "min", (70, 170), "unit of time 'min' is unknown"),
        ("ms", None, ("70", "170"), "expected numbers"),
    ],
)
def test_the_unit_of_time_bins_is_said_once_and_can_be_true(said: Any, given: Any, edges: Any, expected: Any) -> None:
    array = assembly_of(["cat", "dog"]).expand_dims(time_bin=1)
    starts = ("time_bin", [edges[0]], {"units": said} if said else {})
    array = array.assign_coords(time_bin_start=starts, time_bin_end=("time_bin", [edges[1]]))
    if isinstance(expected, tuple):
        assert from_xarray(array, time_unit=given).windows == (expected,)
        return
    with pytest.raises(InputError, match=expected):
        from_xarray(array, time_unit=given)


def test_a_netcdf_file_takes_the_window_and_the_unit_that_are_given(tmp_path: Path) -> None:
    array = assembly_of(["cat", "dog"]).assign_coords(stimulus_id=("presentation", ["cat", "dog"]))
    array.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    assert read_responses(tmp_path / "a.nc", window_s=WINDOW).windows == (WINDOW,)
    bins = array.expand_dims(time_bin=1).assign_coords(
        time_bin_start=("time_bin", [70]), time_bin_end=("time_bin", [170])
    )
    bins.to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    assert read_responses(tmp_path / "b.nc", time_unit="ms", window_s=WINDOW).windows == (WINDOW,)
