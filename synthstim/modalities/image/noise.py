"""Weak noise around mid-grey, from each item's own generator."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# Standard deviation of the initial noise before the sigmoid: about 2.5 % of the display range around mid-grey.
# Weak noise reached a match sooner than strong noise (docs/optimiser_study.md).
AMPLITUDE = 0.1


def noise(kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
    """Noise (batch, channel, y, x) of float64 display values in (0, 1): ``pink`` (1/f amplitude) or ``white``."""
    # One by one: a transform of several at once may round differently.
    white = [torch.randn(shape, generator=generator, dtype=torch.float64) for generator in generators]
    return torch.sigmoid(AMPLITUDE * torch.stack([_pink(one) if kind == "pink" else one for one in white]))


def _pink(white: Tensor) -> Tensor:
    """White noise (channel, y, x) filtered to 1/f, with a standard deviation of 1 and no mean."""
    height, width = white.shape[1:]
    fy, fx = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    radius = (fy[:, None] ** 2 + fx[None] ** 2).sqrt()
    amplitude = torch.where(radius > 0, 1 / radius.clamp_min(1e-9), torch.zeros(()))
    pink = torch.fft.irfft2(torch.fft.rfft2(white) * amplitude, s=(height, width))
    return pink / pink.std().clamp_min(1e-12)
