"""Ridge regression and partial least squares, in the dual: exact, and as large as the stimuli, not as the features."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from synthstim.encoding.features import Features, Values, centred, centred_between, spectrum
from synthstim.encoding.readouts import LinearReadout
from synthstim.encoding.scores import FoldScores, score_fold
from synthstim.errors import InputError

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Ridge:
    """Ridge regression on all features of a layer.

    Attributes:
        penalties: candidates, as multiples of the mean squared norm of a stimulus's centred features, so that one grid
            suits every layer. scikit-learn's ``alpha`` is the candidate times that norm.
    """

    penalties: tuple[float, ...] = tuple(float(f"{penalty:.3g}") for penalty in np.logspace(-3, 4, 15))
    name = "ridge"

    def __post_init__(self) -> None:
        if not self.penalties or min(self.penalties) <= 0:
            raise InputError(f"ridge penalties {self.penalties} came: wanted positive numbers")

    @property
    def candidates(self) -> tuple[float, ...]:
        """What is chosen among."""
        return self.penalties

    def cross_validate(self, features: Features, responses: Values, folds: Rows) -> FoldScores:
        """Scores of every penalty on every fold, each fitted to the other folds."""
        return _cross_validate(self, features, responses, folds)

    def fit(self, features: Features, responses: Values, candidates: Rows) -> nn.Module:
        """The read-out of all stimuli, with the candidate of each site."""
        return _fit(self, features, responses, candidates)

    def dual(self, kernel: Values, responses: Values) -> Iterator[Values]:
        """For each penalty, (stimulus, site) such that a prediction is the kernel with the training stimuli times it."""
        values, vectors = spectrum(kernel)
        scale = np.trace(kernel) / len(kernel)
        turned = vectors.T @ (responses - responses.mean(0))
        for penalty in self.penalties:
            yield vectors @ (turned / (values + penalty * scale)[:, None])


@dataclass(frozen=True, kw_only=True)
class PLS:
    """Partial least squares of all sites together, responses brought to unit variance (scikit-learn's PLSRegression).

    Attributes:
        components: candidates.
    """

    components: tuple[int, ...] = (25,)
    name = "pls"

    def __post_init__(self) -> None:
        if not self.components or min(self.components) < 1:
            raise InputError(f"PLS components {self.components} came: wanted whole numbers from 1")

    @property
    def candidates(self) -> tuple[float, ...]:
        """What is chosen among."""
        return self.components

    def cross_validate(self, features: Features, responses: Values, folds: Rows) -> FoldScores:
        """Scores of every number of components on every fold, each fitted to the other folds."""
        return _cross_validate(self, features, responses, folds)

    def fit(self, features: Features, responses: Values, candidates: Rows) -> nn.Module:
        """The read-out of all stimuli, with the candidate of each site."""
        return _fit(self, features, responses, candidates)

    def dual(self, kernel: Values, responses: Values) -> Iterator[Values]:
        """As for ridge, for each number of components; fewer where the stimuli do not span so many."""
        from sklearn.cross_decomposition import PLSRegression

        values, vectors = spectrum(kernel)
        keep = values > 1e-7 * values.max()
        # PLS without scaling does not change under rotations: these few coordinates stand for all features.
        basis = vectors[:, keep] / np.sqrt(values[keep])
        scores = vectors[:, keep] * np.sqrt(values[keep])
        spread = responses.std(0)
        spread = np.where(spread > 0, spread, 1.0)
        most = min(max(self.components), scores.shape[1], len(kernel) - 1)
        with warnings.catch_warnings():
            # Of residuals that are used up, and of components that a tolerance does not settle: both only end early.
            warnings.simplefilter("ignore")
            model = PLSRegression(n_components=most, scale=False, max_iter=2000).fit(scores, responses / spread)
        for count in self.components:
            few = min(count, most)
            yield basis @ (model.x_rotations_[:, :few] @ model.y_loadings_[:, :few].T) * spread


def _cross_validate(method: Ridge | PLS, features: Features, responses: Values, folds: Rows) -> FoldScores:
    shape = (int(folds.max()) + 1, len(method.candidates), responses.shape[1])
    error, r = np.full(shape, np.nan), np.full(shape, np.nan)
    for rows, sites in patterns(responses):
        variance = responses[np.ix_(rows, sites)].var(0)
        for fold in range(shape[0]):
            train, test = rows[folds[rows] != fold], rows[folds[rows] == fold]
            if len(test) < 2 or len(train) < 2:
                continue
            inner, outer = centred(features.kernel, train), centred_between(features.kernel, test, train)
            known = responses[np.ix_(train, sites)]
            for candidate, dual in enumerate(method.dual(inner, known)):
                predicted = (outer @ dual + known.mean(0))[None]
                scored = score_fold(predicted, responses[np.ix_(test, sites)], variance)
                error[fold, candidate, sites], r[fold, candidate, sites] = scored[0][0], scored[1][0]
    return FoldScores(error, r)


def _fit(method: Ridge | PLS, features: Features, responses: Values, candidates: Rows) -> LinearReadout:
    weight = np.zeros((responses.shape[1], features.count), dtype=np.float32)
    bias = np.zeros(responses.shape[1])
    for rows, sites in patterns(responses):
        known = responses[np.ix_(rows, sites)]
        inner = centred(features.kernel, rows)
        chosen = np.zeros_like(known)
        for candidate, dual in enumerate(method.dual(inner, known)):
            mine = candidates[sites] == candidate
            chosen[:, mine] = dual[:, mine]
        weight[sites], at_mean = features.weights(chosen, rows)
        bias[sites] = known.mean(0) - at_mean
    return LinearReadout(torch.from_numpy(weight), torch.from_numpy(bias.astype(np.float32)))


def patterns(responses: Values) -> list[tuple[Rows, Rows]]:
    """(stimuli, sites) for each set of stimuli that some sites share: they are solved together."""
    masks, of_site = np.unique(np.isfinite(responses), axis=1, return_inverse=True)
    of_site = of_site.ravel()
    return [(np.flatnonzero(masks[:, number]), np.flatnonzero(of_site == number)) for number in range(masks.shape[1])]
