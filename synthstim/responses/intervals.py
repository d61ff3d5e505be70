"""Windows against intervals of a recording: those in which it was made, and those that are invalid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Edges = NDArray[np.float64]


def inside(windows: Edges, intervals: Edges) -> NDArray[np.bool_]:
    """Whether each window lies within the intervals; those that touch are one.

    Args:
        windows, intervals: (number, 2) starts and ends in seconds.

    Example:
        >>> inside(np.array([[1.0, 2], [3, 5]]), np.array([[0.0, 1.5], [1.5, 4]])).tolist()
        [True, False]
    """
    starts, ends = _joined(intervals)
    at = np.searchsorted(starts, windows[:, 0], side="right") - 1
    return (at >= 0) & (windows[:, 1] <= np.append(ends, -np.inf)[at])


def touching(windows: Edges, intervals: Edges) -> NDArray[np.bool_]:
    """Whether each window shares time with one of the intervals.

    Example:
        >>> touching(np.array([[1.0, 2], [2, 3]]), np.array([[0.0, 1.5]])).tolist()
        [True, False]
    """
    starts, ends = _joined(intervals)
    # The first interval that ends after the window starts.
    at = np.searchsorted(ends, windows[:, 0], side="right")
    return windows[:, 1] > np.append(starts, np.inf)[at]


def _joined(intervals: Edges) -> tuple[Edges, Edges]:
    """Starts and ends in order, without overlaps; what is no interval is left."""
    known = intervals[intervals[:, 0] <= intervals[:, 1]]
    known = known[np.argsort(known[:, 0], kind="stable")]
    if not len(known):
        return np.empty(0), np.empty(0)
    ends = np.maximum.accumulate(known[:, 1])
    first = np.append(True, known[1:, 0] > ends[:-1])
    return known[first, 0], ends[np.append(np.flatnonzero(first)[1:] - 1, len(known) - 1)]
