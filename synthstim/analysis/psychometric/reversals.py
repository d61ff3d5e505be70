"""Thresholds of staircases from the levels at which they turned."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

# The first ones depend on where the staircase began.
LEFT_OUT = 2


def reversals(levels: ArrayLike) -> list[float]:
    """The levels at which a staircase turned.

    Args:
        levels: (trial,) in the order of the trials.

    >>> reversals([5, 4, 3, 3, 4, 5, 4, 4, 5])
    [3.0, 5.0, 4.0]
    """
    values = np.asarray(levels, float)
    moved = values[np.concatenate([[True], np.diff(values) != 0])] if len(values) else values
    steps = np.sign(np.diff(moved))
    return [float(level) for level in moved[1:-1][steps[1:] != steps[:-1]]]


def mean_of_reversals(levels: ArrayLike) -> tuple[float, int]:
    """The mean level of a staircase's reversals, and of how many (Levitt 1971, doi:10.1121/1.1912375).

    The first two are left out, and a third where the rest would be odd: as many peaks as valleys remain. NaN for fewer than two.

    >>> mean_of_reversals([5, 4, 3, 3, 4, 5, 4, 4, 5, 4])
    (4.5, 2)
    """
    turned = reversals(levels)
    rest = turned[LEFT_OUT + (len(turned) - LEFT_OUT) % 2 :]
    return (float(np.mean(rest)), len(rest)) if len(rest) >= 2 else (math.nan, 0)
