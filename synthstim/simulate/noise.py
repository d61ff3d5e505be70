"""Spike counts from expected counts: Poisson, and with a gain that all sites share from trial to trial."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import gamma

from synthstim.errors import InputError

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]
NOISE = ("poisson", "fano2")


def draw_counts(expected: Rates, usual: Rates, noise: str, random: np.random.Generator) -> Counts:
    """Counts of trials, (trial, site).

    Args:
        expected: (trial, site) expected counts.
        usual: (site,) mean expected count over natural images.
        noise: ``poisson``; or ``fano2``, Poisson under a gain that all sites share in a trial (Goris, Movshon & Simoncelli
            2014), gamma-distributed so that a count of the usual size has a variance of twice its mean.
        random: draws them.

    Raises:
        InputError: the noise is unknown.

    Example:
        >>> draw_counts(np.full((3, 2), 5.0), np.full(2, 5.0), "poisson", np.random.default_rng(0)).shape
        (3, 2)
    """
    require_noise(noise)
    if noise == "fano2":
        # One number a trial decides the gain of all sites; each site turns it into its own distribution, of mean 1.
        shared = random.uniform(size=(len(expected), 1))
        expected = expected * gamma.ppf(shared, a=usual, scale=1 / usual)
    return random.poisson(expected)


def require_noise(noise: str) -> None:
    """Raise InputError unless the noise is known."""
    if noise not in NOISE:
        raise InputError(f"noise {noise!r} is unknown", f"choose {' or '.join(NOISE)}", code="unknown")
