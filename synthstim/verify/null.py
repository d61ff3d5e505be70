"""Matches expected by chance: every pair of natural stimuli of different origin, at a layer.

Feather et al. 2023 accept a metamer whose match lies outside the distribution of random pairs of natural stimuli,
by decibels, Pearson and Spearman correlation at the matched layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MEASURES = ("match_db", "pearson", "spearman")
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Null:
    """Every pair's measures, before a reference's own photograph or recording is left out.

    Attributes:
        pairs: measure -> (stimulus, stimulus) matrix; the second one is the reference of the pair.
        origin: (stimulus,) number of the photograph or recording.
    """

    pairs: dict[str, FloatArray]
    origin: NDArray[np.int64]

    def values(self, measure: str, leave_out: set[int]) -> FloatArray:
        """Sorted values of one measure over pairs of different origin, none of them left out."""
        kept = ~np.isin(self.origin, list(leave_out))
        different = self.origin[:, None] != self.origin[None]
        return np.sort(self.pairs[measure][different & kept[:, None] & kept[None]])

    def facts(self, leave_out: set[int]) -> dict[str, int]:
        """How many pairs of how many photographs or recordings."""
        return {
            "pairs": len(self.values("match_db", leave_out)),
            "origins": len(set(self.origin.tolist()) - leave_out),
            "stimuli": int((~np.isin(self.origin, list(leave_out))).sum()),
        }


def joined(measure: str, values: Sequence[FloatArray]) -> FloatArray:
    """A measure over several layers: the root mean squared ratio for dB, the mean for correlations."""
    if measure != "match_db":
        return np.mean(values, axis=0)
    return -10 * np.log10(np.mean([10 ** (-value / 10) for value in values], axis=0))


def pairs_of(features: NDArray[np.float32]) -> dict[str, FloatArray]:
    """Every pair's measures, (stimulus, stimulus) each, of activations (stimulus, number), which are changed."""
    gram = (features @ features.T).astype(np.float64)
    power = np.diag(gram)
    # A stimulus may evoke nothing at all.
    floor = np.maximum(power[None], 1e-30)
    error = np.maximum(power[:, None] + power[None] - 2 * gram, 1e-12 * floor)
    decibels = -10 * np.log10(error / floor)
    pearson = _correlations(features)
    for row in range(len(features)):
        features[row] = ranks(features[row])
    return {"match_db": decibels, "pearson": pearson, "spearman": _correlations(features)}


def ranks(values: NDArray[np.floating]) -> FloatArray:
    """Ranks (number,) from 1, equal values sharing their mean rank; scipy.stats takes a second to import for as much."""
    return pd.Series(values).rank().to_numpy()


def _correlations(rows: NDArray[np.float32]) -> FloatArray:
    centred = rows - rows.mean(1, keepdims=True)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    return (centred @ centred.T).astype(np.float64)
