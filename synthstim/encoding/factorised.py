"""A spatial mask times channel weights (Bashivan, Kar & DiCarlo 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthstim.encoding.descent import Descent, Replicas, on_the_layer
from synthstim.encoding.maps import Maps, roughness
from synthstim.encoding.readouts import FactorisedReadout


@dataclass(frozen=True, kw_only=True)
class Factorised(Descent):
    """Spatial mask times channel weights, Laplacian smoothness and L2 (Bashivan, Kar & DiCarlo 2019).

    Attributes:
        strengths: of the L2 penalties on mask and channels.
        smoothness: of the mask's Laplacian, relative to them.
    """

    strengths: tuple[float, ...] = (3e-4, 1e-3, 3e-3, 1e-2)
    smoothness: float = 3.0
    name = "factorised"
    module = FactorisedReadout

    def start(self, maps: Maps, mask: Tensor, channels: Tensor) -> list[Tensor]:
        """The mask itself, and channel weights of the same norm."""
        norm = (mask.norm(dim=1) * channels.norm(dim=1)).clamp_min(1e-3).sqrt()[:, None]
        return [nn.functional.normalize(mask, dim=1) * norm, nn.functional.normalize(channels, dim=1) * norm]

    def mask(self, maps: Maps, shape: list[Tensor]) -> Tensor:
        """The mask itself."""
        return shape[0]

    def penalty(self, maps: Maps, mask: Tensor, channels: Tensor) -> Tensor:
        """L2 of both and the smoothness of the mask."""
        return mask.square().sum(1) + channels.square().sum(1) + self.smoothness * roughness(mask, maps.grid)

    def readout(self, maps: Maps, fitted: list[Replicas]) -> FactorisedReadout:
        """As a module on the layer itself."""
        mask = torch.cat([part.mask for part in fitted])
        channels, bias = on_the_layer(maps, mask, fitted)
        return FactorisedReadout(mask.cpu().unflatten(1, maps.grid), channels, bias, pool=maps.pool, axes=maps.axes)


READOUT = Factorised
