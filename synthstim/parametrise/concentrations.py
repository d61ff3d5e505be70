"""Concentrations as latents, kept from none to the stock's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from synthstim.modalities.odour import OdourInput
from synthstim.recipe.registered import Offer, Options


class ConcentrationsOptions(Options):
    """The odour is optimised as the concentrations of its odorants."""

    kind: Literal["concentrations"] = "concentrations"


@dataclass(frozen=True)
class Concentrations:
    """Each latent is the concentration of one odorant, a share of the stock.

    Example:
        >>> import torch
        >>> mixture = Concentrations((3,))
        >>> mixture.project(torch.tensor([[-0.2, 0.5, 1.3]]))
        tensor([[0.0000, 0.5000, 1.0000]])
    """

    shape: tuple[int, ...]

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one item's latents."""
        return self.shape

    def render(self, latents: Tensor) -> Tensor:
        """Latents (batch, odorant) -> odours (batch, odorant), shares of the stock."""
        return latents

    def invert(self, stimuli: Tensor) -> Tensor:
        """Latents that render to these odours."""
        return stimuli.clone()

    def project(self, latents: Tensor) -> Tensor:
        """Bring latents back to where they render in range, in place."""
        return latents.clamp_(0, 1)


def _make(input: OdourInput) -> Concentrations:
    return Concentrations(input.shape)


PARAMETRISATION = Offer(ConcentrationsOptions, _make, "odour")
