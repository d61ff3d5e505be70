"""Integrals over normal noise, for many values of d' at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Values = NDArray[np.float64]
# Beyond so many standard deviations nothing is added in double precision.
REACH = 8.5
_POINTS = 100


def below(x: Values) -> Values:
    """The distribution function of standard normal noise."""
    return np.asarray(ndtr(x))


def over_noise(
    integrand: Callable[[Values], Values], low: Values | float = -REACH, high: Values | float = REACH
) -> Values:
    """Integrate a function of standard normal noise over its distribution.

    Args:
        integrand: of the noise (..., points); smooth between the ends.
        low: where the integral begins, one end or (..., 1) of them.

    >>> float(over_noise(lambda x: x**2).round(6))
    1.0
    """
    nodes, weights = _nodes()
    half = (np.clip(high, -REACH, REACH) - np.clip(low, -REACH, REACH)) / 2
    x = half * nodes + (np.clip(high, -REACH, REACH) + np.clip(low, -REACH, REACH)) / 2
    density = np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    return np.asarray((integrand(x) * weights * half * density).sum(axis=-1))


@lru_cache
def _nodes() -> tuple[Values, Values]:
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    return nodes, weights
