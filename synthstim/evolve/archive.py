"""What an evolution remembers: every image, and what it was measured to do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class Archive:
    """Every image shown so far: its code, and its responses over all presentations."""

    def __init__(self) -> None:
        self.codes: list[Values] = []
        self.total, self.count = np.zeros(0), np.zeros(0, dtype=np.int64)
        # The generation of the first presentation, and in how many it was shown.
        self.since, self.generations = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        # Its place among the images of that generation.
        self.row = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def means(self) -> Values:
        """Mean response over all presentations."""
        return self.total / self.count

    def add(self, codes: Values, generation: int) -> None:
        """New images, not measured yet."""
        zeros = np.zeros(len(codes), dtype=np.int64)
        self.codes += list(codes)
        self.total, self.count = np.append(self.total, zeros), np.append(self.count, zeros)
        self.since, self.generations = np.append(self.since, zeros + generation), np.append(self.generations, zeros)
        self.row = np.append(self.row, np.arange(len(codes)))

    def measure(self, numbers: list[int], means: Values, counts: NDArray[np.int64]) -> None:
        """Mean responses to some images, and the presentations behind each."""
        self.total[numbers] += means * counts
        self.count[numbers] += counts
        self.generations[numbers] += 1
