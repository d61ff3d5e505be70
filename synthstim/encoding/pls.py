"""Partial least squares of all sites together."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synthstim.encoding.features import Values, spectrum
from synthstim.encoding.linear import Dual
from synthstim.errors import InputError


@dataclass(frozen=True, kw_only=True)
class PLS(Dual):
    """Partial least squares of all sites together, responses brought to unit variance (scikit-learn's PLSRegression).

    Attributes:
        components: candidates.
    """

    components: tuple[int, ...] = (25,)
    name = "pls"

    def __post_init__(self) -> None:
        if not self.components or min(self.components) < 1:
            raise InputError(f"PLS components {self.components} given; expected whole numbers from 1")

    @property
    def candidates(self) -> tuple[float, ...]:
        """What is chosen among."""
        return self.components

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


READOUT = PLS
