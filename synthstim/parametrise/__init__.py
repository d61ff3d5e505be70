"""Parametrisations: latents that an optimiser moves, and the stimuli that they render to."""

from typing import Protocol

from torch import Tensor

from synthstim.parametrise.fourier import Fourier
from synthstim.parametrise.pixels import Pixels
from synthstim.parametrise.spectrogram import Spectrogram
from synthstim.parametrise.start import noise, shaped_noise
from synthstim.parametrise.waveform import Waveform


class Parametrisation(Protocol):
    """The contract: ``render`` is differentiable, ``invert`` undoes it, ``project`` keeps latents renderable."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(channel, y, x) or (time,) of a stimulus."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one item's latents."""

    def render(self, latents: Tensor) -> Tensor:
        """Latents (batch, ...) -> stimuli (batch, *shape), display values in [0, 1] or full scale in [-1, 1]."""

    def invert(self, stimuli: Tensor) -> Tensor:
        """Latents that render to these stimuli."""

    def project(self, latents: Tensor) -> Tensor:
        """Bring latents back to where they render in range, in place."""


__all__ = ["Fourier", "Parametrisation", "Pixels", "Spectrogram", "Waveform", "noise", "shaped_noise"]
