"""A waveform as latents: white, or whitened against a 1/f^decay spectrum, at the rate that the network hears.

A gradient step on latents that are whitened is a step preconditioned by the spectrum. Nothing above half the network's
rate is ever rendered, since the network would not hear it, but a listener would; ``synthstim.modalities.sound.raise_rate`` says
where the band ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.sound import raise_rate, resample, within_full_scale
from synthstim.models import SoundInput
from synthstim.parametrise.tables import Tables
from synthstim.recipe.registered import Offer, Options

# Below this frequency the spectrum is flat: it would have no end at zero.
LOWEST_HZ = 50.0


class WaveformOptions(Options):
    """The sound is optimised as its waveform; None leaves a setting to the parametrisation.

    Attributes:
        decay: exponent of the amplitude spectrum against which the latents are white, 1/f^decay; 0 takes samples.
    """

    kind: Literal["waveform"] = "waveform"
    decay: float | None = Field(default=None, ge=0, le=3)


@dataclass(frozen=True)
class Waveform:
    """Each latent is one sample at the network's rate; rendering filters it and raises it to the rate played.

    Attributes:
        input: of the observer: rates and duration.
        decay: exponent of the amplitude spectrum, 1/f^decay; 0 is white, and then latents are the waveform itself.

    Example:
        >>> waveform = Waveform(SoundInput.lasting(0.5, network_rate=16_000))
        >>> waveform.latent_shape, waveform.shape
        ((8000,), (24000,))
    """

    input: SoundInput
    decay: float = 0.0
    _held: Tables = field(default_factory=Tables, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.decay <= 3:
            raise InputError(f"decay {self.decay:g} given; expected 0 (white) to 3")

    @property
    def shape(self) -> tuple[int, ...]:
        """(time,) of a stimulus, at the rate played."""
        return self.input.shape

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(time,) at the network's rate."""
        return (self.input.network_samples,)

    def render(self, latents: Tensor) -> Tensor:
        """Latents -> waveforms (batch, time) at the rate played; one that would exceed full scale is quieter as a whole."""
        (amplitude,) = self._held.like(latents, self._tables)
        spectrum = torch.fft.rfft(latents) * amplitude
        sounds = torch.fft.irfft(spectrum, n=self.input.network_samples)
        return within_full_scale(raise_rate(sounds, self.input.network_rate, self.input.rate))

    def invert(self, stimuli: Tensor) -> Tensor:
        """Latents that render to these waveforms, as far as the network can hear them."""
        heard = resample(stimuli, self.input.rate, self.input.network_rate)
        (amplitude,) = self._held.like(stimuli, self._tables)
        return torch.fft.irfft(torch.fft.rfft(heard) / amplitude, n=self.input.network_samples)

    def project(self, latents: Tensor) -> Tensor:
        """Every latent renders in range."""
        return latents

    def _tables(self) -> tuple[Tensor]:
        samples, rate = self.input.network_samples, self.input.network_rate
        frequency = torch.fft.rfftfreq(samples, 1 / rate, dtype=torch.float64)
        amplitude = frequency.clamp_min(LOWEST_HZ) ** -self.decay
        return (amplitude / amplitude.square().mean().sqrt(),)


PARAMETRISATION = Offer(WaveformOptions, Waveform, "sound")
