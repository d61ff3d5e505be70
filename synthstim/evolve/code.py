"""The codes that evolve: a few hundred low spatial frequencies of each colour, all of comparable weight."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.parametrise import Fourier, Parametrisation

# Standard deviation of what goes into the sigmoid when every number of a code has variance 1: photographs' contrast.
CONTRAST = 1.0
# Display values of an image to start from stay this far from black and white, from where no code could move them.
MARGIN = 0.02


@dataclass(frozen=True)
class LowFrequencies:
    """Fourier coefficients up to a cutoff, as a flat code of real numbers; fine detail is left out.

    A code of independent normal numbers renders to noise with the spectrum of ``Fourier``, 1/f^decay. Every number
    moves the image: the latents of ``Fourier`` that have no effect, or move the same as others, are no part of a code.

    Attributes:
        shape: (channel, y, x) of an image.
        cutoff: highest frequency, in cycles per image, along any direction.
        decay, chroma: of ``Fourier``.
        base: (channel, y, x) display values of the image that a code of zeros renders to, fine detail and all; by
            default mid-grey.

    Example:
        >>> LowFrequencies((1, 32, 32), cutoff=4).size
        49
    """

    shape: tuple[int, int, int]
    cutoff: int = 8
    decay: float = 0.75
    chroma: float = 0.3
    base: Tensor | None = field(default=None, repr=False, compare=False)
    _fourier: Fourier = field(init=False, repr=False, compare=False)
    _places: Tensor = field(init=False, repr=False, compare=False)
    _gain: float = field(default=1.0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        most = (min(self.shape[1:]) - 1) // 2
        if not 1 <= self.cutoff <= most:
            raise InputError(f"a cutoff of {self.cutoff} cycles per image given; expected 1 to {most} for {self.shape}")
        if self.base is not None and tuple(self.base.shape) != tuple(self.shape):
            raise InputError(
                f"the image to start from is {tuple(self.base.shape)}; expected {tuple(self.shape)}", "fit it first"
            )
        object.__setattr__(self, "_fourier", Fourier(self.shape, decay=self.decay, chroma=self.chroma))
        object.__setattr__(self, "_places", _half_plane(self.cutoff))
        # Waves are orthogonal, so that the mean square of their sum is the sum of their mean squares.
        small = 1e-3 * torch.ones((1, self.size), dtype=torch.float64)
        image = torch.logit(self._fourier.render(self._latents(small)))
        object.__setattr__(self, "_gain", CONTRAST * 1e-3 / float(image.square().mean().sqrt()))

    @property
    def size(self) -> int:
        """Numbers in a code."""
        return self.shape[0] * (1 + 2 * len(self._places))

    def render(self, codes: Tensor) -> Tensor:
        """Codes (batch, number) -> images (batch, channel, y, x), display values in (0, 1)."""
        images = self._fourier.render(self._gain * self._latents(codes.double()))
        if self.base is not None:
            base = self.base.double().clamp(MARGIN, 1 - MARGIN)
            images = torch.sigmoid(torch.logit(images, 1e-12) + torch.logit(base))
        return images.to(codes.dtype)

    def _latents(self, codes: Tensor) -> Tensor:
        height, places = self.shape[1], self._places
        of_colour = codes.view(len(codes), self.shape[0], -1)
        mean, waves = of_colour[..., 0], of_colour[..., 1:].unflatten(-1, (-1, 2))
        latents = codes.new_zeros((len(codes), *self._fourier.latent_shape))
        latents[:, :, 0, 0, 0] = mean
        latents[:, :, places[:, 0] % height, places[:, 1]] = waves
        # The first column holds a frequency and its mirror image, which must be its conjugate.
        first = places[:, 1] == 0
        latents[:, :, -places[first, 0] % height, 0] = waves[:, :, first] * waves.new_tensor([1.0, -1.0])
        return latents


def _half_plane(cutoff: int) -> Tensor:
    """Frequencies (frequency, 2) along y and x, in cycles per image, one of each pair of mirror images, without zero."""
    y, x = torch.meshgrid(torch.arange(-cutoff, cutoff + 1), torch.arange(cutoff + 1), indexing="ij")
    kept = (y**2 + x**2 <= cutoff**2) & ((x > 0) | (y > 0))
    return torch.stack([y[kept], x[kept]], 1)


class Code(Protocol):
    """What evolves: ``size`` numbers, and how they look."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a stimulus."""

    @property
    def size(self) -> int:
        """Numbers in a code."""

    def render(self, codes: Tensor) -> Tensor:
        """Codes (batch, number) -> stimuli (batch, *shape)."""


@dataclass(frozen=True)
class Latents:
    """The latents of any parametrisation as a flat code; thousands of them evolve slowly.

    Example:
        >>> from synthstim.parametrise import Pixels
        >>> Latents(Pixels((1, 8, 8))).size
        64
    """

    parametrisation: Parametrisation

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a stimulus."""
        return self.parametrisation.shape

    @property
    def size(self) -> int:
        """Numbers in a code."""
        return math.prod(self.parametrisation.latent_shape)

    def render(self, codes: Tensor) -> Tensor:
        """Codes (batch, number) -> stimuli (batch, *shape)."""
        latents = codes.reshape(len(codes), *self.parametrisation.latent_shape).clone()
        return self.parametrisation.render(self.parametrisation.project(latents))
