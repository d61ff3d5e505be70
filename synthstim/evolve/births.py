"""Codes of recombined images: what each is made of, and how."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from synthstim.evolve.archive import Values

# Numbers of a record: the images it is made of, the way, what it is expected to do, and what the ways need.
PARENT, OTHER, WAY, EXPECTED, Y, X, WIDTH, TURN, ZOOM, DOWN, RIGHT, AMOUNT, COLOUR = range(13)
SIZE = COLOUR + 3
AS_IT_IS, WINDOW, MOVED, DETAIL, TONE = range(5)
# Widths of windows over the image's smaller side, and of the blur that tells detail from the rest.
NARROWEST, WIDEST = 0.08, 0.5
SHARPEST, BLUNTEST = 1.5 / 112, 12 / 112


class Births:
    """Images by what they are made of: those that it begins with, then all that were born, in their order.

    A record makes an image of one or two earlier ones: it blends a window of another image, moved, into it (``WINDOW``), turns,
    zooms and shifts it (``MOVED``), strengthens or weakens what a blur would take (``DETAIL``), or changes contrast and
    colour (``TONE``).

    Args:
        images: (image, channel, y, x) display values, to begin with.

    Example:
        >>> births = Births(torch.rand(2, 3, 16, 16))
        >>> births.render(torch.from_numpy(births.beginning([1.0, 2.0]))).shape
        torch.Size([2, 3, 16, 16])
    """

    def __init__(self, images: Tensor) -> None:
        self.shape: tuple[int, int, int] = tuple(images.shape[1:])  # type: ignore[assignment]
        self.size = SIZE
        self._images = list(_eight_bits(images.float()))

    def __len__(self) -> int:
        return len(self._images)

    def beginning(self, expected: list[float]) -> Values:
        """Records (image, number) of the images that it began with, each as it is."""
        records = np.zeros((len(expected), SIZE))
        records[:, PARENT], records[:, OTHER], records[:, EXPECTED] = (
            range(len(expected)),
            range(len(expected)),
            expected,
        )
        return records

    def add(self, codes: Values) -> None:
        """These were born: later records may name them."""
        self._images += list(self.render(torch.from_numpy(codes)))

    def render(self, codes: Tensor) -> Tensor:
        """Records (batch, number) -> images (batch, channel, y, x), display values as 8-bit files hold them."""
        born = torch.stack([self._born([float(number) for number in code]) for code in codes])
        return _eight_bits(born.clamp(0, 1))

    def _born(self, record: list[float]) -> Tensor:
        parent, other = (self._images[int(record[which])] for which in (PARENT, OTHER))
        return _WAYS[int(record[WAY])](parent, other, record)


def _as_it_is(parent: Tensor, other: Tensor, record: list[float]) -> Tensor:
    return parent


def _window(parent: Tensor, other: Tensor, record: list[float]) -> Tensor:
    height, width = parent.shape[1:]
    y, x = (torch.arange(side) + 0.5 for side in (height, width))
    spread = 2 * (record[WIDTH] * min(height, width)) ** 2
    away = (y[:, None] - record[Y] * height).square() + (x[None] - record[X] * width).square()
    return torch.lerp(parent, _moved(other, other, record), torch.exp(-away / spread))


def _moved(parent: Tensor, other: Tensor, record: list[float]) -> Tensor:
    cos, sin = (turn(record[TURN]) / math.exp(record[ZOOM]) for turn in (math.cos, math.sin))
    affine = torch.tensor([[[cos, -sin, record[RIGHT]], [sin, cos, record[DOWN]]]])
    grid = nn.functional.affine_grid(affine, [1, *parent.shape], align_corners=False)
    return nn.functional.grid_sample(parent[None], grid, padding_mode="reflection", align_corners=False)[0]


def _detail(parent: Tensor, other: Tensor, record: list[float]) -> Tensor:
    from kornia.filters import gaussian_blur2d  # Takes a second to import.

    sigma = record[WIDTH] * min(parent.shape[1:])
    side = min(2 * math.ceil(2 * sigma) + 1, *(length - 1 + length % 2 for length in parent.shape[1:]))
    return parent + record[AMOUNT] * (parent - gaussian_blur2d(parent[None], (side, side), (sigma, sigma))[0])


def _tone(parent: Tensor, other: Tensor, record: list[float]) -> Tensor:
    mean = parent.mean((1, 2), keepdim=True)
    colour = torch.tensor(record[COLOUR : COLOUR + len(parent)])[:, None, None]
    return (parent - mean) * math.exp(record[AMOUNT]) + mean + colour


_WAYS: tuple[Callable[[Tensor, Tensor, list[float]], Tensor], ...] = (_as_it_is, _window, _moved, _detail, _tone)


def _eight_bits(images: Tensor) -> Tensor:
    return (images * 255).round() / 255
