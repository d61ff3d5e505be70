"""A layer's activations as features: their kernel, and the weights that a dual solution stands for."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from synthstim.models import Axes

Values = NDArray[np.float64]
_BLOCK_BYTES = 64 * 2**20


class Features:
    """Activations of one layer, (stimulus, *layer), read in blocks so that memory stays bounded.

    Args:
        values: mapped from a file, or in memory; float32.
        axes: of the layer, for methods that put a mask on it.
    """

    def __init__(self, values: NDArray[np.float32], axes: Axes | None = None) -> None:
        self.values = values
        self.axes = axes
        self.shape = tuple(values.shape[1:])
        self._flat = values.reshape(len(values), -1)

    @property
    def count(self) -> int:
        """Features of one stimulus."""
        return int(self._flat.shape[1])

    @cached_property
    def mean(self) -> Values:
        """(feature,) mean over stimuli."""
        total = np.zeros(self.count)
        for rows in self._row_blocks():
            total += self._flat[rows].sum(0, dtype=np.float64)
        return total / len(self._flat)

    @cached_property
    def kernel(self) -> Values:
        """(stimulus, stimulus) inner products of the features, less their means."""
        out = np.zeros((len(self._flat), len(self._flat)))
        step = max(1, _BLOCK_BYTES // (4 * len(self._flat)))
        for start in range(0, self.count, step):
            block = np.array(self._flat[:, start : start + step])
            block -= self.mean[start : start + step].astype(np.float32)
            # Products in single precision, their sum over blocks in double.
            out += block @ block.T
        return (out + out.T) / 2

    def weights(self, dual: Values, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], Values]:
        """Weights (site, feature) of sum_i dual[i] x (features of rows[i] - their mean), and what they give at that mean.

        Returns:
            The weights, and (site,) their product with the mean of the features over ``rows``.
        """
        centred = (dual - dual.mean(0)).astype(np.float32)
        weights = np.zeros((dual.shape[1], self.count), dtype=np.float32)
        mean = np.zeros(self.count)
        for part in self._row_blocks(rows):
            block = self._flat[rows[part]]
            weights += centred[part].T @ block
            mean += block.sum(0, dtype=np.float64)
        return weights, weights.astype(np.float64) @ (mean / len(rows))

    def _row_blocks(self, rows: NDArray[np.int64] | None = None) -> list[slice]:
        total = len(self._flat) if rows is None else len(rows)
        step = max(1, _BLOCK_BYTES // (4 * self.count))
        return [slice(start, min(start + step, total)) for start in range(0, total, step)]


def centred(kernel: Values, train: NDArray[np.int64]) -> Values:
    """The kernel of some stimuli about the mean of their features."""
    inner = kernel[np.ix_(train, train)]
    mean = inner.mean(0)
    return inner - mean - mean[:, None] + mean.mean()


def centred_between(kernel: Values, test: NDArray[np.int64], train: NDArray[np.int64]) -> Values:
    """The kernel of test stimuli with training stimuli, both about the mean of the latter's features."""
    mean = kernel[np.ix_(train, train)].mean(0)
    outer = kernel[np.ix_(test, train)]
    return outer - outer.mean(1, keepdims=True) - mean + mean.mean()


def spectrum(kernel: Values) -> tuple[Values, Values]:
    """Eigenvalues, not negative and ascending, and eigenvectors (stimulus, component) of a centred kernel."""
    values, vectors = np.linalg.eigh(kernel)
    return np.maximum(values, 0.0), vectors
