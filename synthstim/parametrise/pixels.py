"""Pixels as latents: bounded smoothly by a sigmoid, or by projection onto [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import ImageInput
from synthstim.recipe.registered import Offer, Options


class PixelsOptions(Options):
    """The image is optimised as its pixels.

    Attributes:
        bound: what brings the pixels into [0, 1]: a sigmoid of the latents, or a projection after each step.
    """

    kind: Literal["pixels"] = "pixels"
    bound: Literal["sigmoid", "projection"] = "sigmoid"


def logit(images: Tensor) -> Tensor:
    """Inverse of the sigmoid; black and white are brought inside by half an 8-bit level."""
    return torch.logit(images.clamp(0.5 / 255, 1 - 0.5 / 255))


@dataclass(frozen=True)
class Pixels:
    """Each latent is one pixel of one channel.

    Attributes:
        shape: (channel, y, x) of a stimulus.
        bound: ``sigmoid`` (latents are unbounded) or ``projection`` (latents are display values, kept in [0, 1]).

    Example:
        >>> pixels = Pixels((3, 8, 8))
        >>> pixels.render(pixels.invert(torch.full((1, 3, 8, 8), 0.25))).mean().item()
        0.25
    """

    shape: tuple[int, ...]
    bound: str = "sigmoid"

    def __post_init__(self) -> None:
        if self.bound not in ("sigmoid", "projection"):
            raise InputError(f"bound {self.bound!r} is unknown", "choose sigmoid or projection", code="unknown")

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one item's latents."""
        return self.shape

    def render(self, latents: Tensor) -> Tensor:
        """Latents (batch, channel, y, x) -> stimuli (batch, channel, y, x), display values in [0, 1]."""
        return torch.sigmoid(latents) if self.bound == "sigmoid" else latents

    def invert(self, stimuli: Tensor) -> Tensor:
        """Latents that render to these display values."""
        return logit(stimuli) if self.bound == "sigmoid" else stimuli.clone()

    def project(self, latents: Tensor) -> Tensor:
        """Bring latents back to where they render in range, in place."""
        return latents if self.bound == "sigmoid" else latents.clamp_(0, 1)


def _make(input: ImageInput, **settings: str) -> Pixels:
    return Pixels(input.shape, **settings)


PARAMETRISATION = Offer(PixelsOptions, _make, "image")
