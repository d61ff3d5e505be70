"""Weak noise around mid-grey, in space and time, from each item's own generator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthstim.modalities.image.noise import around_grey


def radius_of(shape: tuple[int, ...]) -> Tensor:
    """Frequency (time, y, half of x) of movies (time, channel, y, x), in cycles a frame and a pixel; the lowest one at zero."""
    frames, _, height, width = shape
    along = (torch.fft.fftfreq(frames), torch.fft.fftfreq(height), torch.fft.rfftfreq(width))
    ft, fy, fx = (one.double() for one in along)
    radius = (ft[:, None, None] ** 2 + fy[None, :, None] ** 2 + fx[None, None] ** 2).sqrt()
    return radius.clamp_min(1 / max(frames, height, width))


def noise(kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
    """Noise (batch, time, channel, y, x) of float64 display values in (0, 1): ``pink`` (1/f in space and time) or ``white``."""
    return around_grey(shape, generators, _pink if kind == "pink" else None)


def _pink(white: Tensor) -> Tensor:
    """White noise filtered to 1/f, with a standard deviation of 1 and no mean."""
    amplitude = 1 / radius_of(tuple(white.shape))
    amplitude[0, 0, 0] = 0
    spectrum = torch.fft.rfftn(white.transpose(0, 1), dim=(1, 2, 3)) * amplitude
    pink = torch.fft.irfftn(spectrum, s=(white.shape[0], *white.shape[2:]), dim=(1, 2, 3)).transpose(0, 1)
    return pink / pink.std().clamp_min(1e-12)
