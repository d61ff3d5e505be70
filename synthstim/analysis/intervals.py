"""Confidence intervals of proportions, with participants as the random unit."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Interval = tuple[float, float]
UNKNOWN: Interval = (math.nan, math.nan)
# Of confidence.
LEVEL = 0.95


def wilson(proportion: float, count: float) -> Interval:
    """The score interval of a proportion (Wilson 1927, doi:10.1080/01621459.1927.10502953).

    Args:
        proportion: of successes.
        count: trials; it need not be whole.

    >>> [round(end, 4) for end in wilson(0.0, 10)]
    [0.0, 0.2775]
    """
    if not count > 0:
        return UNKNOWN
    z = _quantile()
    centre = (proportion + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(proportion * (1 - proportion) / count + z**2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def between(proportions: ArrayLike, trials: ArrayLike) -> Interval:
    """The interval of the mean over participants: Wilson's, at the number of independent answers they are worth.

    The variance of the participants' mean says how many independent answers would be as precise; with the quantile of
    t that takes the place of the normal one, that number enters Wilson's interval. In the middle of the scale this is
    the t interval; near 0 and 1, where participants who all score 0 would give t and bootstrap no width at all, it
    keeps its coverage (Korn & Graubard 1998 do the same with Clopper and Pearson's interval). Participants are never
    worth more than the answers they gave.

    Args:
        proportions: (participant,) proportion correct of each.
        trials: (participant,) answers of each.

    Returns:
        Low and high end; NaN for fewer than two participants.
    """
    values, counts = np.asarray(proportions, float), np.asarray(trials, float)
    if len(values) < 2:
        return UNKNOWN
    mean, variance = float(values.mean()), float(values.var(ddof=1)) / len(values)
    total = float(counts.sum())
    if variance <= 0:
        # All alike, as at 0 and 1: nothing but the answers themselves is known.
        return wilson(mean, total)
    normal, t = _quantile(), _quantile(len(values) - 1)
    worth = min(mean * (1 - mean) / variance, total)
    return wilson(mean, worth * (normal / t) ** 2)


def student(values: ArrayLike) -> Interval:
    """Student's t interval of a mean; NaN for fewer than two values."""
    values = np.asarray(values, float)
    if len(values) < 2:
        return UNKNOWN
    half = _quantile(len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def within(values: ArrayLike) -> NDArray[np.float64]:
    """Half-widths of within-participant intervals (Cousineau 2005, corrected by Morey 2008, doi:10.20982/tqmp.04.2.p061).

    Differences between participants are taken out, so that conditions can be compared by eye.

    Args:
        values: (participant, condition), no value missing.

    Returns:
        (condition,); NaN for fewer than two participants or conditions.
    """
    values = np.asarray(values, float)
    participants, conditions = values.shape
    if participants < 2 or conditions < 2:
        return np.full(conditions, math.nan)
    centred = values - values.mean(axis=1, keepdims=True) + values.mean()
    error = centred.std(axis=0, ddof=1) * math.sqrt(conditions / (conditions - 1) / participants)
    return np.asarray(_quantile(participants - 1) * error)


@lru_cache
def _quantile(freedom: int | None = None) -> float:
    """Quantile of the normal distribution, or of t with so many degrees of freedom, that bounds an interval."""
    place = 0.5 + LEVEL / 2
    return float(stats.norm.ppf(place) if freedom is None else stats.t.ppf(place, freedom))
