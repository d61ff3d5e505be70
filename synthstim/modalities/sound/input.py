"""What an observer of sounds is played, and the rate at which its network hears it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.inputs import Preparation, StimulusInput
from synthstim.modalities.sound.resampling import MAX_RATE, MIN_RATE, resample

PLAYED_RATE = 48_000


@dataclass(frozen=True, kw_only=True)
class SoundInput(StimulusInput):
    """What an observer of sounds is played, and the rate at which its network hears it.

    Attributes:
        rate: of the stimuli, in Hz, as they are saved and played.
        samples: of one stimulus, at ``rate``.
        network_rate: in Hz; stimuli are resampled to it, exactly for what both rates can hold.

    Example:
        >>> SoundInput.lasting(1.0, network_rate=20_000).samples
        48000
    """

    rate: int
    samples: int
    network_rate: int
    kind: ClassVar[str] = "sound"
    axes: ClassVar[str] = "time"
    remedy: ClassVar[str] = "resample it or cut it"
    rest: ClassVar[float] = 0.0
    places: ClassVar[tuple[str, str]] = ("frequency", "frame")

    def __post_init__(self) -> None:
        for rate in (self.rate, self.network_rate):
            if not MIN_RATE <= rate <= MAX_RATE:
                raise InputError(f"a rate of {rate} Hz given; expected {MIN_RATE} to {MAX_RATE} Hz")
        if self.rate < self.network_rate:
            raise InputError(
                f"sounds played at {self.rate} Hz cannot hold what a network at {self.network_rate} Hz hears: play at 44100 or 48000 Hz"
            )
        if self.samples < 1 or self.samples * self.network_rate % self.rate:
            raise InputError(
                f"{self.samples} samples at {self.rate} Hz are not a whole number at {self.network_rate} Hz",
                "use SoundInput.lasting",
            )

    @classmethod
    def lasting(cls, seconds: float, *, network_rate: int, rate: int = PLAYED_RATE) -> SoundInput:
        """The input of the duration nearest to ``seconds`` that is a whole number of samples at both rates.

        Args:
            seconds: duration of one stimulus.
            network_rate: that the network hears, in Hz.
            rate: that files have, in Hz.

        Raises:
            InputError: the duration is not positive.

        Example:
            >>> SoundInput.lasting(1.0, network_rate=16000).shape
            (48000,)
        """
        if not (math.isfinite(seconds) and seconds > 0):
            raise InputError(f"a duration of {seconds} s given; expected a positive number of seconds")
        steps = math.gcd(rate, network_rate)
        return cls(rate=rate, samples=max(1, round(seconds * steps)) * (rate // steps), network_rate=network_rate)

    @property
    def shape(self) -> tuple[int, ...]:
        """(time,) of one stimulus, at the rate played."""
        return (self.samples,)

    @property
    def seconds(self) -> float:
        """Duration of one stimulus."""
        return self.samples / self.rate

    @property
    def network_samples(self) -> int:
        """Samples at the rate that the network hears."""
        return self.samples * self.network_rate // self.rate

    @property
    def words(self) -> str:
        """The shape in words."""
        return f"{self.seconds:g} s at {self.rate} Hz"

    @property
    def asked(self) -> dict[str, Any]:
        """Duration and rate, for ``load_model``."""
        return {"seconds": self.seconds, "rate": self.rate}

    @property
    def unprocessed(self) -> SoundInput:
        """The same sounds, heard at the rate they are played at."""
        return SoundInput(rate=self.rate, samples=self.samples, network_rate=self.rate)

    def halves(self) -> Tensor:
        """(5, time): noise; with its lower, its upper frequencies, its first, its second half replaced by another's."""
        generator = torch.Generator().manual_seed(0)
        one, other = (_pink(self.samples, self.rate, generator) for _ in range(2))
        frequencies, time = torch.fft.rfftfreq(self.samples, 1 / self.rate), torch.linspace(-1, 1, self.samples)
        # What is heard lies from 50 Hz to half the network's rate; the middle is of its octaves.
        low = frequencies < (50 * self.network_rate / 2) ** 0.5
        bands = [
            torch.fft.irfft(torch.where(half, torch.fft.rfft(other), torch.fft.rfft(one)), self.samples)
            for half in (low, ~low)
        ]
        return torch.stack([one, *bands, *(torch.where(half, other, one) for half in (time < 0, time >= 0))])

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from waveforms as played to waveforms as the network hears them, a tensor of its own."""
        if self.rate == self.network_rate:
            return lambda stimuli: stimuli.clone()
        return lambda stimuli: resample(stimuli, self.rate, self.network_rate)


def _pink(samples: int, rate: int, generator: torch.Generator) -> Tensor:
    """Noise with as much power in each octave, (time,) of RMS 0.1."""
    spectrum = torch.fft.rfft(torch.randn(samples, generator=generator))
    noise = torch.fft.irfft(spectrum / torch.fft.rfftfreq(samples, 1 / rate).clamp_min(20).sqrt(), samples)
    return 0.1 * noise / noise.square().mean().sqrt()
