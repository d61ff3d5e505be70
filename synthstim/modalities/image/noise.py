"""Weak noise around mid-grey, from each item's own generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

# Standard deviation of the initial noise before the sigmoid: about 2.5 % of the display range around mid-grey.
# Weak noise reached a match sooner than strong noise (docs/optimiser_study.md).
AMPLITUDE = 0.1


def noise(kind: str, shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
    """Noise (batch, channel, y, x) of float64 display values in (0, 1): ``pink`` (1/f amplitude) or ``white``."""
    return around_grey(shape, generators, _pink if kind == "pink" else None)


def around_grey(
    shape: tuple[int, ...], generators: Sequence[torch.Generator], filtered: Callable[[Tensor], Tensor] | None
) -> Tensor:
    """White noise of float64 display values in (0, 1), or what a filter makes of it."""
    # One by one: a transform of several at once may round differently.
    white = [torch.randn(shape, generator=generator, dtype=torch.float64) for generator in generators]
    return torch.sigmoid(AMPLITUDE * torch.stack([one if filtered is None else filtered(one) for one in white]))


def shaped_noise(references: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Noise with the spectrum and the histogram of each image (random phase; Galerne, Gousseau & Morel 2011).

    The same random phases are added in all channels, so that colours stay together; then the values of each channel are
    given those of the reference, in the order of their size. It is a texture of the reference without any structure.

    Args:
        references: (batch, channel, y, x) display values.

    Returns:
        (batch, channel, y, x), float64.
    """
    return torch.stack([_shaped(one.double(), drawn) for one, drawn in zip(references, generators, strict=True)])


def _shaped(reference: Tensor, generator: torch.Generator) -> Tensor:
    size = reference.shape[1:]
    white = torch.fft.rfft2(torch.randn(tuple(size), generator=generator, dtype=torch.float64))
    phases = white / white.abs().clamp_min(1e-12)
    # The mean stays what it is.
    phases[0, 0] = 1
    field = torch.fft.irfft2(torch.fft.rfft2(reference) * phases, s=tuple(size)).flatten(1)
    ranked = torch.empty_like(field)
    ranked.scatter_(1, field.argsort(dim=1, stable=True), reference.flatten(1).sort(1).values)
    return ranked.view_as(reference)


def _pink(white: Tensor) -> Tensor:
    """White noise (channel, y, x) filtered to 1/f, with a standard deviation of 1 and no mean."""
    height, width = white.shape[1:]
    fy, fx = torch.fft.fftfreq(height, dtype=torch.float64), torch.fft.rfftfreq(width, dtype=torch.float64)
    radius = (fy[:, None] ** 2 + fx[None] ** 2).sqrt()
    amplitude = torch.where(radius > 0, 1 / radius.clamp_min(1e-9), torch.zeros(()))
    pink = torch.fft.irfft2(torch.fft.rfft2(white) * amplitude, s=(height, width))
    return pink / pink.std().clamp_min(1e-12)
