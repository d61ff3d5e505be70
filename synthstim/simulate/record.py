"""Spikes and markers as a recording leaves them: files, on a clock of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.files import as_tsv, require_folder
from synthstim.responses import Window
from synthstim.simulate.noise import Counts, Rates

Times = NDArray[np.float64]
SPIKES, MARKERS = "spikes.tsv", "markers.tsv"
# The recording's clock starts at another time and runs a little faster than the experiment's, as clocks do.
OFFSET_S, DRIFT = 12.5, 40e-6


def require_no_recording(out: Path) -> None:
    """Make a folder; raise InputError if it cannot be made, or holds a recording already."""
    for name in (SPIKES, MARKERS):
        if os.path.lexists(out / name):
            raise InputError(f"{out / name} exists already", "choose another folder or remove it", code="in-the-way")
    require_folder(out)


def require_apart(onsets: Times, window_s: Window, source: str) -> None:
    """Raise InputError if presentations follow one another faster than the window is long: counts would overlap."""
    start, end = window_s
    if len(onsets) > 1 and np.diff(onsets).min() < end - start:
        raise InputError(
            f"{source} has presentations {1000 * np.diff(onsets).min():.0f} ms apart, the animal counts over"
            f" {1000 * (end - start):.0f} ms",
            "show them further apart (a screen without vertical sync flips too fast)",
            code="missing",
        )


def spike_times(
    counts: Counts, onsets: Times, sites: Sequence[str], base: Rates, window_s: Window, random: np.random.Generator
) -> pd.DataFrame:
    """``site`` and ``time_s`` of every spike, on the experiment's clock.

    Args:
        counts: (presentation, site) in the window after each onset, where spikes lie anywhere.
        onsets: (presentation,) seconds.
        base: (site,) mean counts in a window without drive: as often spikes come outside the windows.
        window_s: (start, end) from onset.
        random: draws the times.
    """
    start, end = window_s
    edges = np.concatenate([[onsets[0] - 1.0], onsets + end])
    lengths = np.concatenate([onsets + start, [onsets[-1] + end + 1.0]]) - edges
    rows = [
        (site, onset + time)
        for row, onset in enumerate(onsets)
        for site, count in zip(sites, counts[row], strict=True)
        for time in random.uniform(start, end, count)
    ]
    rows += [
        (site, edge + time)
        for site, rate in zip(sites, base / (end - start), strict=True)
        for edge, length in zip(edges, lengths, strict=True)
        for time in random.uniform(0, length, random.poisson(rate * length))
    ]
    return pd.DataFrame(rows, columns=["site", "time_s"]).sort_values("time_s", kind="stable")


def write_recording(spikes: pd.DataFrame, markers: pd.DataFrame, out: Path) -> Path:
    """Write ``spikes.tsv`` and ``markers.tsv`` into a folder, on the recording's clock."""
    for name, frame in ((SPIKES, spikes), (MARKERS, markers)):
        on_clock = frame.assign(time_s=OFFSET_S + (1 + DRIFT) * frame["time_s"])
        (out / name).write_bytes(as_tsv(on_clock, float_format="%.6f"))
    return out
