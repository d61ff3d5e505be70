"""Fourier coefficients as latents, decorrelated over colours and whitened against a 1/f^decay spectrum.

Natural images have amplitude spectra near 1/f and highly correlated colours; a gradient step in this space is a
step preconditioned by that prior (Olah, Mordvintsev & Schubert 2017). docs/optimiser_study.md measures what it buys.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from synthstim.modalities.image.opponents import opponent_basis
from synthstim.models import ImageInput
from synthstim.parametrise.pixels import logit
from synthstim.parametrise.tables import Tables
from synthstim.recipe.registered import Offer, Options


class FourierOptions(Options):
    """The image is optimised as its spatial frequencies; None leaves a setting to the parametrisation.

    Attributes:
        decay: exponent of the amplitude spectrum, 1/f^decay; 0 is white.
        chroma: amplitude of the colour differences against the mean of the channels.
        bound: what brings the pixels into [0, 1].
    """

    kind: Literal["fourier"] = "fourier"
    decay: float | None = Field(default=None, ge=0, le=3)
    chroma: float | None = Field(default=None, gt=0, le=1000)
    bound: Literal["sigmoid"] = "sigmoid"


@dataclass(frozen=True)
class Fourier:
    """Half-plane Fourier coefficients of each decorrelated colour, under a sigmoid.

    Attributes:
        shape: (channel, y, x) of a stimulus, any number of channels.
        decay: exponent of the amplitude spectrum, 1/f^decay; 0 is white.
        chroma: amplitude of the colour-difference channels relative to the mean of the channels.

    The colours are rotated by ``opponent_basis``: intensity, red against blue, and green against magenta.
    The imaginary parts of the self-conjugate frequencies (zero and Nyquist) are latents without effect.

    Example:
        >>> fourier = Fourier((3, 8, 8))
        >>> fourier.latent_shape
        (3, 8, 5, 2)
    """

    shape: tuple[int, ...]
    decay: float = 0.75
    chroma: float = 0.3
    _held: Tables = field(default_factory=Tables, init=False, repr=False, compare=False)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one item's latents: channel, frequency y, frequency x, real and imaginary part."""
        channels, height, width = self.shape
        return channels, height, width // 2 + 1, 2

    def render(self, latents: Tensor) -> Tensor:
        """Latents -> stimuli (batch, channel, y, x), display values in (0, 1)."""
        amplitude, basis = self._held.like(latents, self._tables)
        fields = torch.fft.irfft2(torch.view_as_complex(latents) * amplitude, s=self.shape[1:], norm="ortho")
        return torch.sigmoid(torch.einsum("nkhw,kc->nchw", fields, basis))

    def invert(self, stimuli: Tensor) -> Tensor:
        """Latents that render to these display values."""
        amplitude, basis = self._held.like(stimuli, self._tables)
        fields = torch.einsum("nchw,kc->nkhw", logit(stimuli), basis)
        return torch.view_as_real(torch.fft.rfft2(fields, norm="ortho") / amplitude).contiguous()

    def project(self, latents: Tensor) -> Tensor:
        """Every latent renders in range."""
        return latents

    def _tables(self) -> tuple[Tensor, Tensor]:
        channels, height, width = self.shape
        fy, fx = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
        radius = (fy[:, None] ** 2 + fx[None] ** 2).sqrt().clamp_min(1 / max(height, width))
        amplitude = radius**-self.decay
        amplitude = (amplitude / amplitude.square().mean().sqrt()).repeat(channels, 1, 1)
        amplitude[1:] *= self.chroma
        return amplitude, opponent_basis(channels)


def _make(input: ImageInput, *, bound: str = "sigmoid", **settings: float) -> Fourier:
    return Fourier(input.shape, **settings)


PARAMETRISATION = Offer(FourierOptions, _make, "image")
