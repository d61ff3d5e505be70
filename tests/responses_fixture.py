"""Trials of three stimuli at two sites, ragged, for the tests of responses."""

from __future__ import annotations

import datetime
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pynwb
import xarray

from synthstim.responses import Responses, from_array

WINDOW = (0.07, 0.17)


def trials(**changes: Any) -> pd.DataFrame:
    """Eleven trials: the second site lacks the last repeat of the last stimulus."""
    rows = [
        (stimulus, repeat, "monday", site, float(3 * index + repeat + 10 * (site == "007")), *WINDOW)
        for index, stimulus in enumerate(("cat", "dog", "owl"))
        for repeat in range(2)
        for site in ("007", "v4_b")
        if (stimulus, repeat, site) != ("owl", 1, "v4_b")
    ]
    columns = ["stimulus_id", "repeat", "session", "site", "response", "window_start_s", "window_end_s"]
    return pd.DataFrame(rows, columns=columns).assign(**changes)


def simulated(
    stimuli: int, repeats: int, sites: int, *, noise: float, seed: int = 0, session: str = "1"
) -> tuple[Responses, np.ndarray]:
    """Signals of unit variance over stimuli with independent noise of a standard deviation a trial; and the signals."""
    generator = np.random.default_rng(seed)
    signal = generator.normal(size=(stimuli, sites))
    values = signal + noise * generator.normal(size=(repeats, stimuli, sites))
    names = [f"s{index}" for index in range(stimuli)], [f"site{index}" for index in range(sites)]
    return from_array(values, stimulus_ids=names[0], sites=names[1], window_s=WINDOW, session=session), signal


def write_text(path: Path, table: pd.DataFrame) -> Path:
    table.to_csv(path, sep="\t" if path.suffix == ".tsv" else ",", index=False, na_rep="n/a")
    return path


def write_session(folder: Path, *, drift: float = 2e-5, jump: float = 0.0, repeats: int = 10) -> dict[str, Any]:
    """An exported experiment's log, and what a recording with a clock of its own saw; 4 spikes after cat, 2 after dog."""
    data = folder / "data"
    data.mkdir(parents=True)
    onsets = 5.0 + 0.5 * np.arange(2 * repeats) + np.tile([0, 0.0123], repeats)
    rows = pd.DataFrame(
        {
            "presentation": range(2 * repeats), "stimulus_id": ["cat", "dog"] * repeats, "file": "stimuli/x.png",
            "sha256": ["1" * 64, "2" * 64] * repeats, "marker_code": [10, 11] * repeats, "onset_time_s": onsets,
            "missed": 0, "complete": "true",
        }
    )  # fmt: skip
    stem = data / "rapid_2024"
    write_text(Path(f"{stem}_presentations.tsv"), rows)
    Path(f"{stem}_session.json").write_text(json.dumps({"status": "completed"}))
    stimuli = [
        {"stimulus_id": name, "sha256": str(number) * 64, "source_sha256": letter * 64}
        for number, (name, letter) in enumerate((("cat", "c"), ("dog", "d")), 1)
    ]
    rig = {"monitor": {"width_px": 1920, "height_px": 1080}}
    (folder / "manifest.json").write_text(
        json.dumps({"protocol": "rapid", "minutes": 1, "rig": rig, "stimuli": stimuli})
    )
    generator = np.random.default_rng(0)
    seen = 100.0 + onsets * (1 + drift) + generator.uniform(0, 0.0005, len(onsets))
    seen[repeats:] += jump
    spikes = [
        ("a", time + offset)
        for index, time in enumerate(seen)
        for offset in ([0.08, 0.1, 0.12, 0.16] if index % 2 == 0 else [0.08, 0.1]) + [0.02]
    ]
    markers = [(1, 50.0), (3, 60.0), *zip([10, 11] * repeats, seen, strict=True), (2, 900.0)]
    paths = {
        "presentations": Path(f"{stem}_presentations.tsv"),
        "spikes": write_text(folder / "spikes.tsv", pd.DataFrame(spikes[::-1], columns=["site", "time_s"])),
        "markers": write_text(folder / "markers.tsv", pd.DataFrame(markers, columns=["code", "time_s"])),
    }
    return paths


def nwb_content() -> pynwb.NWBFile:
    """A session without presentations or units."""
    start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
    return pynwb.NWBFile(session_description="a session", identifier="monday", session_start_time=start)


def add_trials(content: pynwb.NWBFile, labels: Sequence[Any], onsets: Sequence[float] | None = None) -> None:
    """A trial for each label, a second apart from 1 s on unless onsets are given."""
    content.add_trial_column(name="stimulus_id", description="what was shown")
    for label, onset in zip(labels, onsets or 1.0 + np.arange(len(labels)), strict=True):
        content.add_trial(start_time=float(onset), stop_time=onset + 0.5, stimulus_id=label)


def write_nwb_of(path: Path, fill: Callable[[pynwb.NWBFile], Any], *spikes: Sequence[float], **columns: Any) -> Path:
    """A file of units with these spikes, and what a function adds to it."""
    content = nwb_content()
    fill(content)
    for times in spikes:
        content.add_unit(spike_times=list(times), **columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pynwb.NWBHDF5IO(str(path), "w") as io:
            io.write(content)
    return path


def assembly_of(labels: Any) -> xarray.DataArray:
    """A presentation for each label, one neuroid that answers 1, 2, 3, ..."""
    coordinates = {"stimulus_id": ("presentation", np.array(labels, dtype=object)), "site": ("neuroid", ["a"])}
    values = 1.0 + np.arange(len(labels))[:, None]
    return xarray.DataArray(values, dims=("presentation", "neuroid"), coords=coordinates, name="rates")
