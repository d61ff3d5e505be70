"""Windows in which a foveated model pools: smooth in polar angle and in the logarithm of eccentricity.

Freeman & Simoncelli 2011 (doi:10.1038/nn.2889): all windows of a ring are alike, their size grows with eccentricity by the
``scaling``, and with the centre they sum to 1 everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from synthstim.errors import InputError

# Share of a window's width over which it rises and falls.
EDGE = 0.5
# Radial over circumferential width.
ASPECT = 2.0
# A window that less than this share of the largest of its ring is on the image becomes part of the next one inwards.
LEAST_SHARE = 0.25
# Width in pixels of the windows at the border of the centre, unless a radius is given: below, statistics leave nothing open.
NARROWEST = 8.0
LEAST_SCALING, MOST_SCALING = 0.05, 2.0
# What a recipe may say of them.
WINDOW_SETTINGS = ("scaling", "fixation", "fovea")


@dataclass(frozen=True)
class LogPolarWindows:
    """Windows around a fixation point.

    Attributes:
        size: (height, width) of the image, in pixels.
        scaling: diameter of a window along a radius, at half its height, over its eccentricity.
        fixation: (y, x) in pixels; None for the centre of the image.
        fovea: radius in pixels of the centre, which is not pooled; None for where windows are ``NARROWEST`` wide.

    Raises:
        InputError: the fixation is not on the image, or windows are too small or too large for it.

    Example:
        >>> LogPolarWindows((256, 256), scaling=0.5)
        LogPolarWindows(size=(256, 256), scaling=0.5, fixation=None, fovea=None)
    """

    size: tuple[int, int]
    scaling: float = 0.5
    fixation: tuple[float, float] | None = None
    fovea: float | None = None

    def __post_init__(self) -> None:
        if not LEAST_SCALING <= self.scaling <= MOST_SCALING:
            raise InputError(
                f"a scaling of {self.scaling:g} given; expected {LEAST_SCALING:g} to {MOST_SCALING:g}",
                "0.5 is that of V2 (Freeman & Simoncelli 2011)",
                value="scaling",
            )
        for at, side in zip(self.centre, self.size, strict=True):
            if not 0 <= at <= side - 1:
                raise InputError(
                    f"the fixation {tuple(self.centre)} is not on an image of {self.size[0]} x {self.size[1]} px",
                    "give (y, x) in pixels",
                    value="fixation",
                )
        if not 1 <= self.inner < self.farthest / (1 + EDGE):
            raise InputError(
                f"a centre of {self.inner:.3g} px leaves nothing of an image that reaches {self.farthest:.0f} px from the fixation",
                "give a larger scaling or image, or a smaller fovea",
                value="fovea",
            )

    @property
    def centre(self) -> tuple[float, float]:
        """(y, x) of the fixation, in pixels."""
        return self.fixation or ((self.size[0] - 1) / 2, (self.size[1] - 1) / 2)

    @property
    def inner(self) -> float:
        """Radius of the centre, in pixels."""
        return self.fovea if self.fovea is not None else NARROWEST / self.scaling

    @property
    def farthest(self) -> float:
        """From the fixation to the farthest side, in pixels."""
        return max(max(at, side - 1 - at) for at, side in zip(self.centre, self.size, strict=True))

    @property
    def step(self) -> float:
        """Width of a ring in the logarithm of eccentricity."""
        # Half the height is reached half a step from the middle.
        return 2 * math.asinh(self.scaling / 2)

    @property
    def sectors(self) -> int:
        """Windows in a ring."""
        return max(3, round(2 * math.pi * ASPECT / self.scaling))

    @cached_property
    def entries(self) -> tuple[Tensor, Tensor, Tensor]:
        """What each window weighs each pixel: (window,), (pixel,) row by row, and (weight,), sorted by window.

        Pixels of the centre have no entry, those of its border less than 1 in sum.
        """
        y, x = (torch.arange(side, dtype=torch.float64) - at for side, at in zip(self.size, self.centre, strict=True))
        radius = torch.hypot(y[:, None], x[None]).clamp_min(1e-9)
        # In steps, from 0 where the first ring begins; the last ring goes on to the corners.
        last = max(0, math.floor((math.log(self.farthest / self.inner)) / self.step - (1 + EDGE) / 2))
        rings = ((radius / self.inner).log() / self.step - (1 + EDGE) / 2).clamp_max(last).flatten()
        angle = torch.atan2(y[:, None], x[None]).flatten() % (2 * math.pi)
        turns = angle / (2 * math.pi) * self.sectors
        near = [_neighbours(rings), _neighbours(turns)]
        windows, pixels, weights = [], [], []
        for ring, of_ring in near[0]:
            for sector, of_sector in near[1]:
                weight = of_ring * of_sector
                there = (weight > 0) & (ring >= 0) & (ring <= last)
                windows.append((ring * self.sectors + sector % self.sectors)[there])
                pixels.append(there.nonzero()[:, 0])
                weights.append(weight[there])
        window = self._merged(torch.cat(windows), torch.cat(weights), last + 1)
        order = torch.argsort(window, stable=True)
        return window[order], torch.cat(pixels)[order], torch.cat(weights)[order]

    def _merged(self, window: Tensor, weight: Tensor, rings: int) -> Tensor:
        """Windows numbered without gaps, those that are hardly on the image being part of the next one inwards."""
        areas = torch.zeros(rings * self.sectors, dtype=torch.float64).index_add(0, window, weight)
        areas = areas.view(rings, self.sectors)
        owner = torch.arange(areas.numel()).view_as(areas)
        small = areas < LEAST_SHARE * areas.amax(1, keepdim=True)
        for ring in range(1, rings):
            owner[ring] = torch.where(small[ring], owner[ring - 1], owner[ring])
        return torch.unique(owner.flatten()[window], return_inverse=True)[1]

    @property
    def count(self) -> int:
        """How many windows."""
        return int(self.entries[0].max()) + 1

    def on_grid(self, grid: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """The same weights on a coarser grid: those of the pixels of each cell together, (window,), (cell,), (weight,)."""
        window, pixel, weight = self.entries
        (height, width), (rows, columns) = self.size, grid
        cell = pixel // width * rows // height * columns + pixel % width * columns // width
        key, where = torch.unique(window * (rows * columns) + cell, return_inverse=True)
        total = torch.zeros(len(key), dtype=torch.float64).index_add(0, where, weight)
        return key // (rows * columns), key % (rows * columns), total

    def smoothed(self, maps: Tensor) -> Tensor:
        """Maps (any, y, x) that have their own mean in each window, where windows weigh them: 0 in the centre."""
        window, pixel, weight = self.entries
        flat = maps.double().flatten(1)
        sums = flat.new_zeros(len(flat), self.count).index_add(1, window, flat[:, pixel] * weight)
        means = sums / weight.new_zeros(self.count).index_add(0, window, weight)
        return torch.zeros_like(flat).index_add(1, pixel, means[:, window] * weight).view(maps.shape)

    def central(self) -> Tensor:
        """What the centre weighs each pixel (y, x): what is left of 1 by all windows."""
        _, pixel, weight = self.entries
        return (1 - torch.zeros(math.prod(self.size), dtype=torch.float64).index_add(0, pixel, weight)).view(self.size)


def read_settings(scaling: float | None, fixation: Sequence[float] | None, fovea: float | None) -> dict[str, Any]:
    """The settings of a recipe as windows take them.

    Raises:
        InputError: a setting is not a number, or the fixation not two.
    """
    numbers = {name: [value] for name, value in (("scaling", scaling), ("fovea", fovea)) if value is not None}
    for name, values in (*numbers.items(), ("fixation", fixation or ())):
        if not isinstance(values, list | tuple) or not all(isinstance(one, int | float) for one in values):
            raise InputError(f"{name} {values!r} given; expected a number, or [y, x] in pixels for the fixation")
    if fixation is not None and len(fixation) != 2:
        raise InputError(f"a fixation of {len(fixation)} numbers given; expected [y, x] in pixels", value="fixation")
    place = None if fixation is None else (float(fixation[0]), float(fixation[1]))
    return {"scaling": scaling, "fixation": place, "fovea": fovea}


def profile(distance: Tensor) -> Tensor:
    """Height of a window at distances from its middle, in steps from one window to the next.

    1 up to (1 - EDGE) / 2, from there a squared cosine down to 0 at (1 + EDGE) / 2, where the next one is at 1.
    """
    along = ((distance.abs() - (1 - EDGE) / 2) / EDGE).clamp(0, 1)
    return torch.cos(torch.pi / 2 * along).square()


def _neighbours(steps: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The windows below and above a place in steps, and their heights there."""
    below = steps.floor().long()
    return [(each, profile(steps - each)) for each in (below, below + 1)]
