"""Limits on sounds: level, peak, band and onset. A waveform is at full scale, at the rate that it is played."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d, max_pool1d

from synthstim.errors import InputError

SILENCE = 1e-9
# Samples before and after a peak of which the gain is turned down.
_REACH = 16


@dataclass(frozen=True, kw_only=True)
class Level:
    """Root mean square of the waveform, without its mean, in dB relative to full scale.

    Example:
        >>> sounds = Level(rms_dbfs=-20).project(0.01 * torch.randn(1, 4800))
        >>> round(sounds.square().mean().sqrt().item(), 3)
        0.1
    """

    rms_dbfs: float
    axes: ClassVar[int] = 1

    def check(self, shape: tuple[int, ...]) -> None:
        """No waveform within full scale has more than 0 dB."""
        if not -120 <= self.rms_dbfs < 0:
            raise InputError(f"a level of {self.rms_dbfs:g} dBFS cannot be met: wanted -120 to below 0")

    def project(self, sounds: Tensor) -> Tensor:
        """Take out the mean and scale; silence stays silence."""
        centred = sounds - sounds.mean(-1, keepdim=True)
        rms = centred.square().mean(-1, keepdim=True).clamp_min(SILENCE**2).sqrt()
        return centred * (10 ** (self.rms_dbfs / 20) / rms)


@dataclass(frozen=True, kw_only=True)
class Peak:
    """Largest absolute value of the waveform, at or below ``most_dbfs``.

    What is beyond is made quieter for about a millisecond around, as a limiter does that looks ahead: a peak that is cut
    off would be heard, and matched, as a sound of its own.
    """

    most_dbfs: float = -0.1
    axes: ClassVar[int] = 1

    def check(self, shape: tuple[int, ...]) -> None:
        """Full scale is 0 dB."""
        if not -120 <= self.most_dbfs <= 0:
            raise InputError(f"a peak of {self.most_dbfs:g} dBFS came: wanted -120 to 0")

    def project(self, sounds: Tensor) -> Tensor:
        """Turn the gain down around peaks; a sound without such peaks stays as it is."""
        most = 10 ** (self.most_dbfs / 20)
        if bool((sounds.abs() <= most).all()):
            return sounds
        # A little below, so that rounding does not exceed it.
        gain = (most * (1 - 1e-6) / sounds.abs().clamp_min(SILENCE)).clamp_max(1)
        # Each gain is a mean of gains that its neighbourhood allows, so none is larger than its own sample allows.
        least = -max_pool1d(-gain[:, None], 2 * _REACH + 1, stride=1, padding=_REACH)
        mean = avg_pool1d(least, 2 * _REACH + 1, stride=1, padding=_REACH, count_include_pad=False)
        return sounds * mean[:, 0]


@dataclass(frozen=True, kw_only=True)
class Band:
    """Frequencies that the sound may hold, in Hz; what lies outside is taken out.

    Attributes:
        low, high: edges in Hz.
        rate: of the stimuli, in Hz.
    """

    low: float
    high: float
    rate: int
    axes: ClassVar[int] = 1

    def check(self, shape: tuple[int, ...]) -> None:
        """The band must hold a frequency of the spectrum."""
        if not 0 <= self.low < self.high <= self.rate / 2:
            raise InputError(
                f"a band of {self.low:g} to {self.high:g} Hz came: wanted rising frequencies from 0 to {self.rate / 2:g} Hz"
            )
        if not bool(self._inside(shape[-1]).any()):
            raise InputError(
                f"no frequency of a sound of {shape[-1] / self.rate:g} s lies in {self.low:g} to {self.high:g} Hz"
            )

    def project(self, sounds: Tensor) -> Tensor:
        """Keep the band of the spectrum."""
        inside = self._inside(sounds.shape[-1]).to(sounds.device)
        return torch.fft.irfft(torch.fft.rfft(sounds) * inside, n=sounds.shape[-1])

    def _inside(self, samples: int) -> Tensor:
        frequency = torch.fft.rfftfreq(samples, 1 / self.rate)
        return (frequency >= self.low) & (frequency <= self.high)


@dataclass(frozen=True, kw_only=True)
class Ramps:
    """Onset and offset under a raised cosine, so that a sound does not start or end with a click.

    A sound that is multiplied by a ramp again and again would get a steeper one, so each sound is cut to the ramp that
    rises to its own peak, which every sound multiplied by the ramp respects.

    Attributes:
        seconds: length of each ramp.
        rate: of the stimuli, in Hz.
    """

    seconds: float
    rate: int
    axes: ClassVar[int] = 1

    def check(self, shape: tuple[int, ...]) -> None:
        """Half of the sound must be left between the ramps: its peak is taken there."""
        if not 1 <= self._count <= shape[-1] / 4:
            raise InputError(
                f"ramps of {self.seconds:g} s came for a sound of {shape[-1] / self.rate:g} s: "
                f"wanted at most {shape[-1] / self.rate / 4:g} s, a quarter of it"
            )

    def project(self, sounds: Tensor) -> Tensor:
        """Cut the ends to the ramp; what is between stays as it is."""
        count = self._count
        steps = torch.arange(count, device=sounds.device, dtype=sounds.dtype)
        rise = 0.5 - 0.5 * torch.cos(torch.pi * steps / count)
        bound = torch.ones_like(sounds[0])
        bound[:count], bound[-count:] = rise, rise.flip(0)
        bound = bound * sounds[:, count:-count].abs().amax(-1, keepdim=True)
        return torch.minimum(torch.maximum(sounds, -bound), bound)

    @property
    def _count(self) -> int:
        return round(self.seconds * self.rate)
