"""Ridge regression and partial least squares, in the dual: exact, and as large as the stimuli, not as the features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from synthstim.encoding.features import Features, Values, centred, centred_between
from synthstim.encoding.readouts import LinearReadout
from synthstim.encoding.scores import FoldScores, score_fold

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Dual:
    """What the two read-outs share: predictions are kernels between stimuli times weights of stimuli."""

    name = ""
    module = LinearReadout

    @property
    def candidates(self) -> tuple[float, ...]:
        """What is chosen among."""
        raise NotImplementedError

    def dual(self, kernel: Values, responses: Values) -> Iterator[Values]:
        """For each candidate, (stimulus, site) such that a prediction is the kernel with the training stimuli times it."""
        raise NotImplementedError

    def cross_validate(self, features: Features, responses: Values, folds: Rows) -> FoldScores:
        """Scores of every candidate on every fold, each fitted to the other folds."""
        shape = (int(folds.max()) + 1, len(self.candidates), responses.shape[1])
        error, r = np.full(shape, np.nan), np.full(shape, np.nan)
        held_out = np.full((shape[1], *responses.shape), np.nan)
        for rows, sites in patterns(responses):
            variance = responses[np.ix_(rows, sites)].var(0)
            for fold in range(shape[0]):
                train, test = rows[folds[rows] != fold], rows[folds[rows] == fold]
                if len(test) < 2 or len(train) < 2:
                    continue
                inner, outer = centred(features.kernel, train), centred_between(features.kernel, test, train)
                known = responses[np.ix_(train, sites)]
                for candidate, dual in enumerate(self.dual(inner, known)):
                    predicted = (outer @ dual + known.mean(0))[None]
                    scored = score_fold(predicted, responses[np.ix_(test, sites)], variance)
                    error[fold, candidate, sites], r[fold, candidate, sites] = scored[0][0], scored[1][0]
                    held_out[candidate, test[:, None], sites] = predicted[0]
        return FoldScores(error, r, held_out)

    def fit(self, features: Features, responses: Values, candidates: Rows) -> nn.Module:
        """The read-out of all stimuli, with the candidate of each site."""
        weight = np.zeros((responses.shape[1], features.count), dtype=np.float32)
        bias = np.zeros(responses.shape[1])
        for rows, sites in patterns(responses):
            known = responses[np.ix_(rows, sites)]
            inner = centred(features.kernel, rows)
            chosen = np.zeros_like(known)
            for candidate, dual in enumerate(self.dual(inner, known)):
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
