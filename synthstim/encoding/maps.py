"""A layer's maps as what masks are fitted to: on a grid of bounded size, and of one scale whatever the layer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from synthstim.encoding.features import Features
from synthstim.encoding.readouts import axes_of_old, pooled
from synthstim.models import Axes

# Masks are drawn on at most so many cells a side: receptive fields are larger than that.
MAX_SIDE = 20


class Maps:
    """A layer's maps, averaged to a grid of at most ``MAX_SIDE`` cells a side, centred and of unit mean squared norm.

    Attributes:
        values: (stimulus, channel, place) float32: less the mean of each channel and place, each channel divided by its
            standard deviation, all divided by one number.
        axes: of the layer.
        grid: (y, x) cells.
        pool: layer cells averaged into one.
    """

    def __init__(self, features: Features, device: str = "cpu") -> None:
        self.axes = features.axes or axes_of_old(len(features.shape))
        self.pool = pool_of(features.shape, self.axes)
        parts = [
            pooled(self.axes.maps(torch.from_numpy(np.array(features.values[start : start + 64]))), self.pool)
            for start in range(0, len(features.values), 64)
        ]
        maps = torch.cat(parts)
        self.grid = (int(maps.shape[2]), int(maps.shape[3]))
        # In place from here on: the maps of thousands of stimuli are held once.
        values = maps.flatten(2).to(device)
        self.mean = values.mean(0)
        values -= self.mean
        scale = torch.linalg.vector_norm(values, dim=(0, 2)) / (len(values) * values.shape[2]) ** 0.5
        scale = torch.where(scale > 1e-6 * scale.max().clamp_min(1e-30), scale, torch.inf)
        values /= scale[:, None]
        norm = (torch.linalg.vector_norm(values) / len(values) ** 0.5).clamp_min(1e-12)
        values /= norm
        self.scale, self.values = scale * norm, values


def pool_of(shape: tuple[int, ...], axes: Axes) -> int:
    """How many cells of a layer are averaged into one of at most ``MAX_SIDE`` a side."""
    side = max(axes.maps(torch.zeros(1, *shape)).shape[2:])
    # Tokens whose order is not known are places of their own: neighbours in a list may be far apart in the image.
    return -(-side // MAX_SIDE) if axes.has_grid else 1


def roughness(mask: Tensor, grid: tuple[int, int]) -> Tensor:
    """(replica,) summed squares of the Laplacian of masks (replica, place); beyond the edge a mask goes on as it is."""
    maps = mask.unflatten(1, grid)[:, None]
    padded = nn.functional.pad(maps, (1, 1, 1, 1), mode="replicate")
    laplacian = (
        padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1] + padded[..., 1:-1, :-2] + padded[..., 1:-1, 2:] - 4 * maps
    )
    return laplacian.square().flatten(1).sum(1)


def moments(mask: Tensor, places: Tensor, power: int = 4) -> tuple[Tensor, Tensor]:
    """Centre (replica, 2) and width (replica,) of masks (replica, place), in the unit of places (place, 2).

    Args:
        power: of the mask, whose moments are taken: the higher, the less counts what is small everywhere.
    """
    weight = mask**power
    weight = weight / weight.sum(1, keepdim=True).clamp_min(1e-30)
    centre = weight @ places
    spread = (weight * ((places[None] - centre[:, None]) ** 2).sum(-1)).sum(1)
    # A power of a Gaussian of width w has a variance of w^2 / power along each axis.
    return centre, (power / 2 * spread).sqrt()


def places_of(rows: Tensor, columns: Tensor) -> Tensor:
    """(place, 2) y and x of the places of a grid, row by row."""
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1).flatten(0, 1)
