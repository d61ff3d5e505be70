"""Where synthesis starts: noise from each item's own generator, or an image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthstim.errors import InputError

# Standard deviation of the initial noise before the sigmoid: about 2.5 % of the display range around mid-grey.
# Weak noise reached a match sooner than strong noise (docs/optimiser_study.md).
AMPLITUDE = 0.1
# Root mean square of the initial noise of a sound, at full scale.
SOUND_RMS = 0.02


def noise(kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
    """Weak noise, one for each generator: images around mid-grey, or sounds around silence.

    Args:
        kind: ``pink`` (1/f amplitude in images, 1/sqrt(f) in sounds, as acousticians call it) or ``white``.
        shape: (channel, y, x) or (time,).
        generators: CPU generators, so that a seed gives the same noise on every device.

    Returns:
        (batch, *shape), float64: display values in (0, 1), or full scale.
    """
    if kind not in ("pink", "white"):
        raise InputError(f"start {kind!r} is unknown: choose pink, white or a file")
    # One by one: a transform of several at once may round differently.
    white = [torch.randn(shape, generator=generator, dtype=torch.float64) for generator in generators]
    if len(shape) == 1:
        sounds = torch.stack([_pink_sound(one) if kind == "pink" else one for one in white])
        return SOUND_RMS * sounds
    return torch.sigmoid(AMPLITUDE * torch.stack([_pink(one) if kind == "pink" else one for one in white]))


def _pink_sound(white: Tensor) -> Tensor:
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


def _pink(white: Tensor) -> Tensor:
    """White noise (channel, y, x) filtered to 1/f, with a standard deviation of 1 and no mean."""
    height, width = white.shape[1:]
    fy, fx = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    radius = (fy[:, None] ** 2 + fx[None] ** 2).sqrt()
    amplitude = torch.where(radius > 0, 1 / radius.clamp_min(1e-9), torch.zeros(()))
    pink = torch.fft.irfft2(torch.fft.rfft2(white) * amplitude, s=(height, width))
    return pink / pink.std().clamp_min(1e-12)
