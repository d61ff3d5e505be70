"""Frequencies of space and time as latents, whitened against a 1/f^decay spectrum of movies.

Spectra of natural movies fall with the frequency of space and with that of time (Dong & Atick 1995): a gradient step in
this domain is a step preconditioned by that prior, as ``fourier`` is for images.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.image.opponents import opponent_basis
from synthstim.modalities.movie.input import MovieInput
from synthstim.modalities.movie.noise import radius_of
from synthstim.parametrise.pixels import logit
from synthstim.parametrise.tables import Tables
from synthstim.recipe.registered import Offer, Options


class SpacetimeOptions(Options):
    """The movie is optimised as its frequencies of space and time; None leaves a setting to the parametrisation.

    Attributes:
        decay: exponent of the amplitude spectrum, 1/f^decay in space and time alike; 0 is white.
        chroma: amplitude of the colour differences against the mean of the channels.
        smooth_hz: the movie is smooth in time: nothing varies faster than this; None lets all vary.
        bound: what brings the pixels into [0, 1].
    """

    kind: Literal["spacetime"] = "spacetime"
    decay: float | None = Field(default=None, ge=0, le=3)
    chroma: float | None = Field(default=None, gt=0, le=1000)
    smooth_hz: float | None = Field(default=None, gt=0, le=1000)
    bound: Literal["sigmoid"] = "sigmoid"


@dataclass(frozen=True)
class Spacetime:
    """Half-space Fourier coefficients of each decorrelated colour of a movie, under a sigmoid.

    Attributes:
        shape: (time, channel, y, x) of a movie, any number of channels.
        decay: exponent of the amplitude spectrum, 1/f^decay, with f in cycles a frame and a pixel; 0 is white.
        chroma: amplitude of the colour-difference channels relative to the mean of the channels.
        smooth: cycles a frame beyond which nothing varies in time, before the sigmoid; None lets all vary. Latents beyond
            have no effect, and of a stimulus that is not as smooth ``invert`` gives the latents of its slow part.

    Example:
        >>> Spacetime((8, 3, 16, 16)).latent_shape
        (3, 8, 16, 9, 2)
    """

    shape: tuple[int, ...]
    decay: float = 1.0
    chroma: float = 0.3
    smooth: float | None = None
    _held: Tables = field(default_factory=Tables, init=False, repr=False, compare=False)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one item's latents: channel, frequency of time, of y, of x, real and imaginary part."""
        frames, channels, height, width = self.shape
        return channels, frames, height, width // 2 + 1, 2

    def render(self, latents: Tensor) -> Tensor:
        """Latents -> movies (batch, time, channel, y, x), display values in (0, 1)."""
        amplitude, passed, basis = self._held.like(latents, self._tables)
        spectrum = torch.view_as_complex(latents) * (amplitude * passed)
        sides = (self.shape[0], *self.shape[2:])
        fields = torch.fft.irfftn(spectrum, s=sides, dim=(2, 3, 4), norm="ortho")
        return torch.sigmoid(torch.einsum("nkthw,kc->ntchw", fields, basis))

    def invert(self, stimuli: Tensor) -> Tensor:
        """Latents that render to these display values, as far as they are smooth."""
        amplitude, passed, basis = self._held.like(stimuli, self._tables)
        fields = torch.einsum("ntchw,kc->nkthw", logit(stimuli), basis)
        spectrum = torch.fft.rfftn(fields, dim=(2, 3, 4), norm="ortho")
        return torch.view_as_real(spectrum * passed / amplitude).contiguous()

    def project(self, latents: Tensor) -> Tensor:
        """Every latent renders in range."""
        return latents

    def _tables(self) -> tuple[Tensor, Tensor, Tensor]:
        channels = self.shape[1]
        amplitude = radius_of(self.shape) ** -self.decay
        amplitude = (amplitude / amplitude.square().mean().sqrt()).repeat(channels, 1, 1, 1)
        amplitude[1:] *= self.chroma
        rates = torch.fft.fftfreq(self.shape[0]).abs()
        passed = (rates <= (1.0 if self.smooth is None else self.smooth) + 1e-9)[:, None, None]
        return amplitude, passed.double(), opponent_basis(channels)


def _make(input: MovieInput, *, bound: str = "sigmoid", smooth_hz: float | None = None, **settings: Any) -> Spacetime:
    lowest = input.frame_rate_hz / input.frames
    if smooth_hz is not None and smooth_hz < lowest:
        raise InputError(
            f"smooth_hz {smooth_hz:g} given; the slowest change of {input.words} is at {lowest:g} Hz",
            "give at least that, or make the movie longer",
        )
    smooth = None if smooth_hz is None else smooth_hz / input.frame_rate_hz
    return Spacetime(input.shape, smooth=smooth, **settings)


PARAMETRISATION = Offer(SpacetimeOptions, _make, "movie")
