"""Whether times can be in seconds: windows, onsets and spikes that another unit would give are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synthstim.errors import InputError

Window = tuple[float, float]
Times = NDArray[np.float64]
# Responses follow their stimulus within seconds; beyond, a window is one in milliseconds, below, one in some larger unit.
FARTHEST_S, SHORTEST_S = 60.0, 5e-4
# Sites of a recording together fire more than this; spikes counted in milliseconds or samples seem not to.
_LOWEST_RATE, _LONGER = 0.05, 20.0
# So many mean intervals without any spike do not come by chance.
_SILENT = 20.0
_FEW = 20


def require_window(window_s: Any, source: str) -> Window:
    """The window (start, end) in seconds from onset, after checking that it can be one.

    Raises:
        InputError: it is no pair of numbers, ends before it starts, or cannot be in seconds.

    Example:
        >>> require_window([0.07, 0.17], "the call")
        (0.07, 0.17)
    """
    edges = np.asarray(window_s, dtype=object).ravel()
    try:
        start, end = (float(edge) for edge in edges)
    except (TypeError, ValueError):
        raise InputError(
            f"{source}: the window {window_s!r} given; expected its start and its end in seconds"
        ) from None
    if not start < end:
        raise InputError(f"{source}: the window {start:g} to {end:g} s is empty: it must end after it starts")
    if not (end - start >= SHORTEST_S and max(-start, end) <= FARTHEST_S):
        raise InputError(
            f"{source}: the window {start:g} to {end:g} cannot be in seconds from the onset: 70 to 170 ms are 0.07 to 0.17"
        )
    return start, end


def require_seconds(spikes: Mapping[str, Times], onsets_s: Times, window_s: Window, source: str) -> tuple[str, ...]:
    """Compare spikes, onsets and window with one another; return notes for a person.

    Args:
        spikes: sorted times of each site.
        onsets_s: of the presentations, on the same clock.
        window_s: (start, end) from the onset.

    Raises:
        InputError: the window is longer than the time between presentations; no spike lies in the session; spikes are as
            rare as only another unit makes them; most presentations lie where nothing was recorded.
    """
    _require_gap(onsets_s, window_s, source)
    times = np.sort(np.concatenate([np.empty(0), *spikes.values()]))
    if not len(times):
        raise InputError(f"{source}: no site has a spike", "give the sites that were recorded", code="unknown")
    begin, end = onsets_s.min() + min(0.0, window_s[0]), onsets_s.max() + window_s[1]
    first, last = float(times[0]), float(times[-1])
    told = f"presentations from {onsets_s.min():.6g} to {onsets_s.max():.6g} s, spikes from {first:.6g} to {last:.6g} s"
    if not ((times >= begin) & (times < end)).any():
        raise InputError(
            f"{source}: no spike lies in the session ({told})",
            "give both on one clock in seconds, not in samples or ms",
        )
    if len(times) < _FEW:
        return ()
    rate = len(times) / (last - first) if last > first else np.inf
    if last - first > _LONGER * (end - begin) and rate / len(spikes) < _LOWEST_RATE:
        raise InputError(
            f"{source}: its sites fire {rate / len(spikes):.2g} spikes a second ({told})",
            "give times in seconds, not in samples or ms",
        )
    reach = _SILENT / rate
    outside = (onsets_s + window_s[1] < first - reach) | (onsets_s + window_s[0] > last + reach)
    if outside.mean() > 0.5:
        raise InputError(
            f"{source}: {outside.sum()} of {len(outside)} presentations lie where no site fires ({told})",
            "give both on one clock in seconds, and leave out what was not recorded",
            code="unknown",
        )
    if not outside.any():
        return ()
    note = f"{outside.sum()} of {len(outside)} presentations lie before the first or after the last spike of any site ({told})"
    return (f"{note}: they count as 0 spikes",)


def _require_gap(onsets_s: Times, window_s: Window, source: str) -> None:
    gaps = np.diff(np.unique(onsets_s))
    # Onsets are those of refreshes: a window may be as long as the time between two, and some milliseconds more.
    if len(gaps) and window_s[1] - window_s[0] > np.median(gaps) + 0.005:
        raise InputError(
            f"{source}: the window {window_s[0]:g} to {window_s[1]:g} s is longer than the {np.median(gaps):.3g} s from one"
            " presentation to the next, so that a spike would count for several",
            "give a shorter one, onsets and window in seconds",
        )
