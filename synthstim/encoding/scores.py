"""Scores of held-out predictions, and choosing among candidates without letting the choice flatter the score."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


@dataclass(frozen=True)
class FoldScores:
    """How well held-out responses were predicted.

    Attributes:
        error: (fold, candidate, site) mean squared error over the variance of the site's responses.
        r: (fold, candidate, site) Pearson correlation within the fold; NaN where the fold says nothing of the site.
        predicted: (candidate, stimulus, site) the predictions; NaN where there is none.
    """

    error: Values
    r: Values
    predicted: Values


@dataclass(frozen=True)
class Choice:
    """The layer and the candidate of each site.

    Attributes:
        layer, candidate: (site,) positions.
        r: (site,) mean over folds of the correlation, layer and candidate chosen each time on the other folds.
        r_layer: (layer, site) the same with the layer given.
        candidates: (layer, site) the candidate of each layer.
    """

    layer: NDArray[np.int64]
    candidate: NDArray[np.int64]
    r: Values
    r_layer: Values
    candidates: NDArray[np.int64]

    def on(self, layer: int) -> Choice:
        """The choice of those who have all sites read one layer."""
        here = np.full_like(self.layer, layer)
        return replace(self, layer=here, candidate=self.candidates[layer], r=self.r_layer[layer])


def held_out_predictions(layers: list[FoldScores], choice: Choice, *, averaged: bool) -> Values:
    """(stimulus, site) predictions of the chosen layer and candidate, or averaged over layers, as an ensemble predicts."""
    each = np.stack(
        [
            np.take_along_axis(layer.predicted, candidate[None, None], 0)[0]
            for layer, candidate in zip(layers, choice.candidates, strict=True)
        ]
    )
    return each.mean(0) if averaged else np.take_along_axis(each, choice.layer[None, None], 0)[0]


def score_fold(predicted: Values, responses: Values, variance: Values) -> tuple[Values, Values]:
    """Errors and correlations (candidate, site) of one fold.

    Args:
        predicted: (candidate, stimulus, site).
        responses: (stimulus, site), NaN where nothing was recorded.
        variance: (site,) of all the responses.
    """
    known = np.isfinite(responses)
    count = known.sum(0)
    y, p = np.where(known, responses, 0.0), np.where(known, predicted, 0.0)
    enough = count >= 3
    divisor = np.maximum(count, 1)
    error = ((p - y) ** 2).sum(1) / divisor / variance
    y_c = np.where(known, y - y.sum(0) / divisor, 0.0)
    p_c = np.where(known, p - p.sum(1, keepdims=True) / divisor, 0.0)
    spread_y, spread_p = (y_c**2).sum(0), (p_c**2).sum(1)
    covariance = (y_c * p_c).sum(1)
    # A prediction that does not vary predicts nothing: 0, not NaN.
    flat = spread_p <= 1e-12 * variance * divisor
    r = np.where(flat, 0.0, covariance / np.sqrt(np.where(flat, 1.0, spread_p) * np.where(spread_y > 0, spread_y, 1.0)))
    tells = enough & (spread_y > 0)
    return np.where(enough, error, np.nan), np.where(tells, r, np.nan)


def choose(layers: list[FoldScores]) -> Choice:
    """Choose each site's candidate by error and its layer by correlation.

    The score of a fold is that of the candidate and layer which the other folds chose: so the best of many does not score
    better than it is.
    """
    folds = layers[0].r.shape[0]
    chosen = np.stack([_best_candidate(layer.error) for layer in layers])
    r = np.stack([layer.r for layer in layers])
    by_fold = np.full((folds, len(layers), r.shape[-1]), np.nan)
    best = np.full((folds, r.shape[-1]), np.nan)
    for fold in range(folds):
        others = np.arange(folds) != fold
        candidate = np.stack([_best_candidate(layer.error[others]) for layer in layers])
        of_candidate = _take(r, candidate)
        by_fold[fold] = of_candidate[:, fold]
        layer = np.where(np.isnan(m := _mean(of_candidate[:, others], 1)), -np.inf, m).argmax(0)
        best[fold] = np.take_along_axis(by_fold[fold], layer[None], 0)[0]
    r_layer = _mean(by_fold, 0)
    layer = np.where(np.isnan(r_layer), -np.inf, r_layer).argmax(0)
    return Choice(layer, np.take_along_axis(chosen, layer[None], 0)[0], _mean(best, 0), r_layer, chosen)


def _best_candidate(error: Values) -> NDArray[np.int64]:
    mean = _mean(error, 0)
    return np.where(np.isnan(mean), np.inf, mean).argmin(0)


def _take(r: Values, candidate: NDArray[np.int64]) -> Values:
    """(layer, fold, candidate, site) at (layer, site) -> (layer, fold, site)."""
    return np.take_along_axis(r, candidate[:, None, None], 2)[:, :, 0]


def _mean(values: Values, axis: int) -> Values:
    """Mean without NaN; NaN where nothing else is."""
    known = np.isfinite(values)
    count = known.sum(axis)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis) / np.maximum(count, 1), np.nan)
