"""Distributions that a set stores as quantiles, drawn as smooth densities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_SAMPLES = 301


@dataclass(frozen=True)
class Distribution:
    """Quantiles of one distribution.

    Attributes:
        percentile: (quantile,) from 0 to 100, ascending.
        value: (quantile,) in the measure's unit, ascending.
    """

    percentile: Floats
    value: Floats

    @classmethod
    def of(cls, rows: pd.DataFrame, value: str = "value") -> Distribution | None:
        """Read the rows of one distribution; None where fewer than two quantiles are finite."""
        numbers = rows[["percentile", value]].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
        numbers = numbers[np.isfinite(numbers).all(axis=1)]
        if len(numbers) < 2:
            return None
        return cls(np.sort(numbers[:, 0]), np.sort(numbers[:, 1]))

    def at(self, percentile: float) -> float:
        """The value at a percentile, between the stored ones by a straight line."""
        return float(np.interp(percentile, self.percentile, self.value))

    def samples(self, count: int = _SAMPLES) -> Floats:
        """Values at evenly spaced percentiles: (count,)."""
        return np.interp((np.arange(count) + 0.5) * 100 / count, self.percentile, self.value)

    def __len__(self) -> int:
        return len(self.value)


def density(samples: Floats, grid: Floats) -> Floats:
    """A Gaussian kernel density of the samples on the grid, highest point 1; the bandwidth is Silverman's.

    It is 0 beyond the smallest and the largest sample: a hill does not promise values that were never seen.
    """
    low, high = np.percentile(samples, (25, 75))
    spread = min(float(samples.std()), float(high - low) / 1.34) or float(samples.std())
    width = max(0.9 * spread * len(samples) ** -0.2, float(np.ptp(grid)) / len(grid), 1e-12)
    height = np.exp(-0.5 * ((grid[:, None] - samples[None]) / width) ** 2).sum(axis=1)
    height[(grid < samples.min()) | (grid > samples.max())] = 0
    return np.asarray(height / max(float(height.max()), 1e-300))


def pooled(distributions: list[Distribution]) -> Floats:
    """Samples of several distributions together, as many of each."""
    return np.concatenate([distribution.samples(101) for distribution in distributions])
