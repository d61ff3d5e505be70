"""Ridge regression on all features of a layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from synthstim.encoding.features import Values, spectrum
from synthstim.encoding.linear import Dual
from synthstim.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Ridge(Dual):
    """Ridge regression on all features of a layer.

    Attributes:
        penalties: candidates, as multiples of the mean squared norm of a stimulus's centred features, so that one grid
            suits every layer. scikit-learn's ``alpha`` is the candidate times that norm.
    """

    penalties: tuple[float, ...] = tuple(float(f"{penalty:.3g}") for penalty in np.logspace(-3, 4, 15))
    name = "ridge"

    def __post_init__(self) -> None:
        if not self.penalties or min(self.penalties) <= 0:
            raise InputError(f"ridge penalties {self.penalties} given; expected positive numbers")

    @property
    def candidates(self) -> tuple[float, ...]:
        """What is chosen among."""
        return self.penalties

    def dual(self, kernel: Values, responses: Values) -> Iterator[Values]:
        """For each penalty, (stimulus, site) such that a prediction is the kernel with the training stimuli times it."""
        values, vectors = spectrum(kernel)
        scale = np.trace(kernel) / len(kernel)
        turned = vectors.T @ (responses - responses.mean(0))
        for penalty in self.penalties:
            yield vectors @ (turned / (values + penalty * scale)[:, None])


READOUT = Ridge
