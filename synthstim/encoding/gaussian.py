"""A Gaussian over space times channel weights (after Lurz et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synthstim.encoding.descent import Descent, Replicas, on_the_layer
from synthstim.encoding.maps import Maps, moments, places_of
from synthstim.encoding.readouts import GaussianReadout, axis, gaussian_mask


@dataclass(frozen=True, kw_only=True)
class Gaussian(Descent):
    """A Gaussian over space times channel weights (after Lurz et al. 2021; see ``GaussianReadout``).

    Attributes:
        strengths: of the L2 penalty on the channel weights.
    """

    strengths: tuple[float, ...] = (1e-5, 1e-4, 1e-3)
    steps: int = 300
    rate: float = 0.2
    name = "gaussian"
    module = GaussianReadout

    def start(self, maps: Maps, mask: Tensor, channels: Tensor) -> list[Tensor]:
        """Centre and log width from the first mask's moments, and channel weights of the same product."""
        rows, columns = (axis(side).to(mask) for side in maps.grid)
        centre, width = moments(mask, places_of(rows, columns))
        return [centre, width.clamp(0.1, 1.0).log(), channels * mask.norm(dim=1, keepdim=True)]

    def mask(self, maps: Maps, shape: list[Tensor]) -> Tensor:
        """The Gaussian."""
        return gaussian_mask(shape[0], shape[1].exp(), maps.grid)

    def penalty(self, maps: Maps, mask: Tensor, channels: Tensor) -> Tensor:
        """L2 of the channel weights."""
        return channels.square().sum(1)

    def readout(self, maps: Maps, fitted: list[Replicas]) -> GaussianReadout:
        """As a module on the layer itself."""
        channels, bias = on_the_layer(maps, torch.cat([part.mask for part in fitted]), fitted)
        centre, width = (torch.cat([part.shape[number] for part in fitted]).cpu() for number in (0, 1))
        return GaussianReadout(centre, width.exp(), channels, bias, grid=maps.grid, pool=maps.pool, axes=maps.axes)


READOUT = Gaussian
