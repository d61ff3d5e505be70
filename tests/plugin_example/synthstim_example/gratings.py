"""A parametrisation with latents, as a generator has them: no way back from an image, so no ``invert``."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from synthstim.recipe.registered import Offer, Options


class GratingsOptions(Options):
    kind: Literal["gratings"] = "gratings"
    cycles: float | None = None


@dataclass(frozen=True)
class Gratings:
    shape: tuple[int, int, int]
    cycles: float = 3.0

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (self.shape[0], 4)

    def render(self, latents: Tensor) -> Tensor:
        y, x = (torch.linspace(-1, 1, side).to(latents) for side in self.shape[1:])
        down, across, phase, offset = latents[..., None, None].unbind(2)
        wave = torch.sin(self.cycles * (down * y[:, None] + across * x[None]) + phase)
        return torch.sigmoid(2 * wave + offset)

    def project(self, latents: Tensor) -> Tensor:
        return latents


PARAMETRISATION = Offer(GratingsOptions, lambda input, **settings: Gratings(input.shape, **settings), "image")
