"""A sound as latents: the logarithms of the amplitudes and the phases of its short-time spectrum.

A step on a logarithm changes loud and quiet parts by the same factor, as ears and compressive models hear them; a step on
a sample changes both by the same amount, and leaves noise in the quiet ones. docs/sound_optimiser_study.md measures what
that buys: at most stages of a model of hearing, some 15 to 20 dB over samples at equal evaluations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from synthstim.modalities.sound import highest_hz, raise_rate, resample, within_full_scale
from synthstim.models import SoundInput
from synthstim.parametrise.tables import Tables
from synthstim.recipe.registered import Offer, Options

WINDOW_S = 0.032
OVERLAP = 4
# Amplitudes below this, at full scale, are raised to it when a sound is turned into latents: silence has no logarithm.
QUIETEST = 1e-6


class SpectrogramOptions(Options):
    """The sound is optimised as the log amplitudes and phases of its short-time spectrum."""

    kind: Literal["spectrogram"] = "spectrogram"


@dataclass(frozen=True)
class Spectrogram:
    """Latents (frequency, frame) of two kinds: log amplitude and phase, at the rate that the network hears.

    Frequencies end where the band of the sounds played does (``synthstim.modalities.sound.raise_rate``). Windows last about 32 ms and overlap by three quarters, so that there are about four times as many latents of either
    kind as samples: many latents make the same sound, which helps the optimiser and hurts nothing.

    Attributes:
        input: of the observer: rates and duration.

    Example:
        >>> spectrogram = Spectrogram(SoundInput.lasting(0.5, network_rate=16_000))
        >>> spectrogram.latent_shape, spectrogram.shape
        ((2, 244, 63), (24000,))
    """

    input: SoundInput
    _held: Tables = field(default_factory=Tables, init=False, repr=False, compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """(time,) of a stimulus, at the rate played."""
        return self.input.shape

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Log amplitude and phase, frequency, frame."""
        return 2, self._frequencies, self.input.network_samples // self._hop + 1

    def render(self, latents: Tensor) -> Tensor:
        """Latents -> waveforms (batch, time) at the rate played; one that would exceed full scale is quieter as a whole."""
        spectrum = torch.polar(torch.exp(latents[:, 0]), latents[:, 1])
        # Silence in what the listener is not played.
        spectrum = torch.nn.functional.pad(spectrum, (0, 0, 0, self._size // 2 + 1 - self._frequencies))
        sounds = torch.istft(
            spectrum, self._size, self._hop, window=self._window(latents), length=self.input.network_samples
        )
        return within_full_scale(raise_rate(sounds, self.input.network_rate, self.input.rate))

    def invert(self, stimuli: Tensor) -> Tensor:
        """Latents that render to these waveforms, as far as the network can hear them."""
        heard = resample(stimuli, self.input.rate, self.input.network_rate)
        # A sound shorter than half a window cannot be reflected at its ends: silence follows it instead.
        spectrum = torch.stft(
            heard, self._size, self._hop, window=self._window(stimuli), pad_mode="constant", return_complex=True
        )
        spectrum = spectrum[:, : self._frequencies]
        return torch.stack([spectrum.abs().clamp_min(QUIETEST).log(), spectrum.angle()], 1)

    def project(self, latents: Tensor) -> Tensor:
        """Every latent renders in range."""
        return latents

    @property
    def _frequencies(self) -> int:
        step = self.input.network_rate / self._size
        return math.ceil(highest_hz(self.input.network_rate, self.input.rate) / step - 0.5) + 1

    @property
    def _size(self) -> int:
        return int(2 ** round(math.log2(WINDOW_S * self.input.network_rate)))

    @property
    def _hop(self) -> int:
        return self._size // OVERLAP

    def _window(self, like: Tensor) -> Tensor:
        (window,) = self._held.like(like, lambda: [torch.hann_window(self._size, dtype=torch.float64)])
        return window


PARAMETRISATION = Offer(SpectrogramOptions, Spectrogram, "sound")
