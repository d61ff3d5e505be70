"""Tests over trials: permutation tests a site, and the false discovery rate over sites."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import false_discovery_control

Array = NDArray[np.float64]
RATE = 0.05
_AT_ONCE = 500


def above(trials: Array, reference: Array, permutations: int, random: np.random.Generator) -> float:
    """One-sided p of the mean of ``trials`` lying above that of ``reference``, by dealing the trials out anew."""
    pooled, count = np.concatenate([trials, reference]), len(trials)
    observed = trials.mean() - reference.mean()
    beyond = 0
    for start in range(0, permutations, _AT_ONCE):
        dealt = random.permuted(np.tile(pooled, (min(_AT_ONCE, permutations - start), 1)), axis=1)
        beyond += int((dealt[:, :count].mean(1) - dealt[:, count:].mean(1) >= observed - 1e-12).sum())
    return (1 + beyond) / (1 + permutations)


def share_above(
    images: Array, natural: Array, target: int, permutations: int, random: np.random.Generator
) -> tuple[float, float, float]:
    """Softmax share of the target in the z-scored mean response, of images and of the best natural image, and a one-sided p.

    Args:
        images: (image, repeat, site) z-scored trials.
        natural: (repeat, site), as many repeats.
        target: number of the site.
    """
    groups = np.concatenate([images, natural[None]])
    observed = _shares(groups[None], target)[0]
    flat, beyond = groups.reshape(-1, groups.shape[2]), 0
    for start in range(0, permutations, _AT_ONCE):
        order = random.permuted(np.tile(np.arange(len(flat)), (min(_AT_ONCE, permutations - start), 1)), axis=1)
        shares = _shares(flat[order].reshape(-1, *groups.shape), target)
        beyond += int((_difference(shares) >= _difference(observed[None])[0] - 1e-12).sum())
    return float(observed[:-1].mean()), float(observed[-1]), (1 + beyond) / (1 + permutations)


def _shares(groups: Array, target: int) -> Array:
    """(deal, image, repeat, site) -> (deal, image)."""
    return np.asarray(softmax(groups.mean(2), axis=2)[..., target])


def _difference(shares: Array) -> Array:
    return np.asarray(shares[:, :-1].mean(1) - shares[:, -1])


def discovered(p: list[float]) -> NDArray[np.bool_]:
    """Which tests stand at a false discovery rate of 5 % (Benjamini & Hochberg 1995)."""
    return np.asarray(false_discovery_control(p) <= RATE)
