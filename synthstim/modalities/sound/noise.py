"""Noise for sounds to start from: weak, around silence, or with the spectrum of a reference."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Root mean square of the initial noise, at full scale.
RMS = 0.02


def noise(kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
    """Noise (batch, time), float64 at full scale: ``pink`` (1/sqrt(f), as acousticians call it) or ``white``."""
    # One by one: a transform of several at once may round differently.
    white = [torch.randn(shape, generator=generator, dtype=torch.float64) for generator in generators]
    return RMS * torch.stack([_pink(one) if kind == "pink" else one for one in white])


def _pink(white: Tensor) -> Tensor:
    """White noise (time,) filtered to equal power in every octave, with a standard deviation of 1 and no mean."""
    frequency = torch.fft.rfftfreq(len(white), dtype=torch.float64)
    amplitude = torch.where(frequency > 0, frequency.clamp_min(1e-9) ** -0.5, torch.zeros(()))
    pink = torch.fft.irfft(torch.fft.rfft(white) * amplitude, n=len(white))
    return pink / pink.std().clamp_min(1e-12)


def shaped_noise(references: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Noise with the long-term spectrum of each sound, smoothed over a third of an octave, at the sound's level.

    Args:
        references: (batch, time) at full scale.
        generators: one for each.

    Returns:
        (batch, time), float64.
    """
    out = []
    for reference, generator in zip(references.double(), generators, strict=True):
        white = torch.randn(len(reference), generator=generator, dtype=torch.float64)
        power = torch.fft.rfft(_tapered(reference - reference.mean())).abs().square()
        total = torch.cat([torch.zeros(1, dtype=torch.float64), power.cumsum(0)])
        bins = torch.arange(len(power), dtype=torch.float64)
        low, high = (bins * 2 ** (-1 / 6)).floor().long(), (bins * 2 ** (1 / 6)).ceil().long().clamp_max(len(power) - 1)
        smooth = (total[high + 1] - total[low]).clamp_min(0) / (high + 1 - low)
        shaped = torch.fft.irfft(torch.fft.rfft(white) * smooth.sqrt(), n=len(reference))
        out.append(shaped * (reference.std() / shaped.std().clamp_min(1e-12)))
    return torch.stack(out)


def _tapered(sound: Tensor) -> Tensor:
    """A sound (time,) faded in and out over a twentieth: else the step from its end to its start fills quiet bands."""
    ramp = len(sound) // 20
    rise = torch.sin(torch.linspace(0, torch.pi / 2, ramp, dtype=sound.dtype)).square()
    return torch.cat([sound[:ramp] * rise, sound[ramp : len(sound) - ramp], sound[len(sound) - ramp :] * rise.flip(0)])
