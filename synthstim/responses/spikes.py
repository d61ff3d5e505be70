"""Spike files and marker files, and spike counts in windows.

A spike file is a TSV (or CSV) with a line of names and one row a spike: ``site`` (text) and ``time_s`` (seconds of the
recording's clock). A marker file is one with ``code`` (whole number) and ``time_s``, a row for each marker that the recording
system saw. Both end with a newline; other columns are left. Rows need no order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.responses.files import listed
from synthstim.responses.labels import required_labels
from synthstim.responses.seconds import Times, Window, require_seconds, require_window
from synthstim.responses.tables import read_text_table
from synthstim.responses.trial_table import coded

# As rigs send codes of two bytes: the first is HIGH and the code's whole ROUNDs, the second 1 and what remains.
HIGH, ROUND = 128, 127


def read_spikes(path: str | Path, *, sites: Sequence[str] | None = None) -> dict[str, Times]:
    """Spike times of each site, sorted, in seconds of the recording's clock.

    Args:
        path: a spike file.
        sites: all sites that were recorded, for those that may not have fired; the file must name no other.

    Raises:
        InputError: the file is half-written or no spike file, or names a site that was not recorded.

    Example:
        >>> spikes = read_spikes("spikes.tsv")
    """
    frame = read_text_table(path, text=("site",), needed=("site", "time_s"))
    name = Path(path).name
    times = _times(frame, name)
    if frame["site"].isna().any():
        raise InputError(f"{name}: row {int(frame['site'].isna().argmax()) + 1} has no site")
    required_labels(frame["site"].unique(), "site", name)
    found = {str(site): np.sort(times[rows]) for site, rows in frame.groupby("site", sort=False).indices.items()}
    if sites is None:
        return found
    if unknown := [site for site in found if site not in sites]:
        raise InputError(f"{name} holds spikes of {listed(unknown)}, not among the {len(sites)} sites named")
    return {site: found.get(site, np.empty(0)) for site in sites}


def read_markers(path: str | Path, *, encoding: str = "codes") -> pd.DataFrame:
    """Markers as the recording saw them, ``code`` and ``time_s``, in order of time.

    Args:
        path: a marker file.
        encoding: what its codes are: ``codes``, or ``two_bytes``, the bytes of a rig whose markers have that encoding.

    Raises:
        InputError: the file is half-written or no marker file, or a byte of two_bytes is none.
    """
    frame = read_text_table(path, needed=("code", "time_s"))
    name = Path(path).name
    codes = pd.to_numeric(frame["code"], errors="coerce")
    if (bad := codes.isna() | (codes != codes.round())).any():
        raise InputError(f"{name}: row {int(bad.argmax()) + 1} has a code that is not a whole number")
    markers = pd.DataFrame({"code": codes.astype(np.int64), "time_s": _times(frame, name)})
    markers = markers.sort_values("time_s", kind="stable").reset_index(drop=True)
    return decoded(markers, name) if encoding == "two_bytes" else markers


def decoded(markers: pd.DataFrame, name: str = "the markers") -> pd.DataFrame:
    """The codes of a stream of bytes in which each code is two, with the time of the first.

    The first byte is from 128, the second from 1 to 127; a byte whose partner was lost is left out.

    Args:
        markers: ``code`` (a byte) and ``time_s``, in order.

    Raises:
        InputError: a code is no byte.

    Example:
        >>> decoded(pd.DataFrame({"code": [130, 47, 131, 128, 11], "time_s": [0.0, 0.001, 0.2, 0.4, 0.401]}))["code"].tolist()
        [300, 10]
    """
    bytes_ = markers["code"].to_numpy()
    if (bad := (bytes_ < 1) | (bytes_ > 255)).any():
        raise InputError(
            f"{name} has the code {bytes_[bad.argmax()]}; expected bytes, 1 to 255, two a code",
            "read it with encoding='codes' if the recording system has put the bytes together",
        )
    first = (bytes_ >= HIGH) & np.append(bytes_[1:] < HIGH, False)
    at = np.flatnonzero(first)
    codes = (bytes_[at] - HIGH) * ROUND + bytes_[at + 1] - 1
    return pd.DataFrame({"code": codes.astype(np.int64), "time_s": markers["time_s"].to_numpy()[at]})


def count_spikes(times_s: Times, onsets_s: Times, window_s: Window) -> NDArray[np.int64]:
    """Spikes from onset + start up to, but not at, onset + end.

    Args:
        times_s: sorted spike times of one site.
        onsets_s: stimulus onsets on the same clock.
        window_s: (start, end) from onset.

    Example:
        >>> count_spikes(np.array([0.1, 0.25, 0.35]), np.array([0.0, 0.2]), (0.05, 0.1))
        array([0, 1])
    """
    start, end = (np.searchsorted(times_s, np.asarray(onsets_s) + edge, side="left") for edge in window_s)
    return end - start


def trial_frame(
    shown: pd.DataFrame, spikes: Mapping[str, Times], onsets_s: Times, window_s: Window, session: str, *, source: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """One row for each presentation and site, with the site's count in the window; and notes for a person.

    Args:
        shown: a row a presentation in order, with ``stimulus_id`` and perhaps ``sha256``; repeats are counted here.
        spikes: sorted times of each site.
        onsets_s: onset of each presentation on the spikes' clock.
        window_s: (start, end) from onset.
        source: what holds them, for messages.

    Raises:
        InputError: the times cannot be in seconds on one clock (see ``require_seconds``), or no window holds a spike.
    """
    start, end = require_window(window_s, source)
    notes = require_seconds(spikes, onsets_s, (start, end), source)
    sites = list(spikes)
    counts = np.stack([count_spikes(spikes[site], onsets_s, window_s) for site in sites], 1)
    if not counts.any():
        raise InputError(
            f"{source}: no spike lies in any window, {start:g} to {end:g} s from the onset", "check the window"
        )
    row, site = np.repeat(np.arange(len(shown)), len(sites)), np.tile(np.arange(len(sites)), len(shown))
    frame = pd.DataFrame(
        {
            "stimulus_id": shown["stimulus_id"].to_numpy()[row],
            "repeat": shown.groupby("stimulus_id").cumcount().to_numpy()[row],
            "session": session,
            "site": coded(site, sites),
            "response": counts.ravel().astype(np.float64),
            "window_start_s": start,
            "window_end_s": end,
        }
    )
    if "sha256" in shown:
        frame["sha256"] = shown["sha256"].to_numpy()[row]
    return frame, notes


def _times(frame: pd.DataFrame, name: str) -> Times:
    times = pd.to_numeric(frame["time_s"], errors="coerce").to_numpy(dtype=np.float64)
    if not len(times):
        raise InputError(f"{name} has no rows below its names: was anything recorded?")
    if (bad := ~np.isfinite(times)).any():
        raise InputError(f"{name}: row {int(bad.argmax()) + 1} has a time_s that is not a number of seconds")
    return times
