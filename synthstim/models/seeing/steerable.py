"""Frequency responses of the steerable pyramid (Simoncelli & Freeman 1995, Portilla & Simoncelli 2000), for any size.

An image is split into a high-pass residual, oriented bands an octave apart, and a low-pass residual. All responses are
functions of frequency alone, so that a band of a coarse scale is sampled on as small a grid as holds it, whatever the
size of the image: no band has anything at or beyond the Nyquist frequency of its grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class SteerablePyramid:
    """The responses of a pyramid's filters.

    Attributes:
        size: (height, width) of the images, in pixels.
        scales: octaves.
        orientations: of a scale, from 0 in steps of pi / orientations.

    Example:
        >>> SteerablePyramid((100, 64)).grid(3)
        (13, 8)
    """

    size: tuple[int, int]
    scales: int = 4
    orientations: int = 4

    def grid(self, scale: int) -> tuple[int, int]:
        """(height, width) on which a scale is sampled; ``scales`` itself for the low-pass residual."""
        height, width = (-(-side // 2**scale) for side in self.size)
        return height, width

    def polar(self, scale: int) -> tuple[Tensor, Tensor]:
        """Radius, in units of the image's Nyquist frequency, and angle of the frequencies (y, x) of a scale's grid."""
        y, x = (
            torch.fft.fftfreq(side, dtype=torch.float64) * side * 2 / whole
            for side, whole in zip(self.grid(scale), self.size, strict=True)
        )
        return torch.hypot(y[:, None], x[None]), torch.atan2(y[:, None], x[None])

    def highpass(self, scale: int = 0) -> Tensor:
        """Response (y, x) of the high-pass residual on a scale's grid."""
        return _rising(self.polar(scale)[0])

    def lowpass(self, octaves: int, scale: int) -> Tensor:
        """Response (y, x), on a scale's grid, of what is left below this many octaves: 0 for the band-passed image."""
        radius, _ = self.polar(scale)
        response = torch.ones_like(radius)
        for octave in range(octaves + 1):
            response = response * _falling(radius * 2**octave)
        return response

    def bands(self, octave: int, scale: int) -> Tensor:
        """Complex responses (orientation, y, x) of an octave's bands on a scale's grid, ``scale`` <= ``octave``.

        Each passes one half of the plane, so that a band is an analytic signal: its real part is the band of the real
        pyramid, its magnitude the local amplitude.
        """
        radius, angle = self.polar(scale)
        order = self.orientations - 1
        norm = 2**order * math.factorial(order) / math.sqrt(self.orientations * math.factorial(2 * order))
        turns = torch.arange(self.orientations, dtype=torch.float64) * torch.pi / self.orientations
        tuned = 2 * norm * torch.cos(angle - turns[:, None, None]).clamp_min(0) ** order
        return (-1j) ** order * tuned * self.lowpass(octave, scale) * _rising(radius * 2 ** (octave + 1))


def unit_bands(pyramid: SteerablePyramid, scale: int) -> Tensor:
    """Responses (orientation, y, x, 2), scaled so that a grating where a band responds most has its own amplitude."""
    bands = pyramid.bands(scale, scale)
    # A cosine's amplitude is in two frequencies, of which an analytic band passes one: twice, over the peak.
    peak = float(bands.abs().amax()) / 2
    return torch.view_as_real(bands / peak * (math.prod(pyramid.grid(scale)) / math.prod(pyramid.size)))


def neighbourhood(pyramid: SteerablePyramid, scale: int, width: float) -> Tensor:
    """Response (y, x) of a Gaussian whose standard deviation is so many wavelengths of a scale's bands."""
    radius, _ = pyramid.polar(scale)
    # A band's centre is at half the Nyquist frequency of its grid: 4 of its samples a wavelength.
    return torch.exp(-2 * (torch.pi * width * 4 * radius / 2 * 2**scale) ** 2)


def low_frequencies(spectrum: Tensor, grid: tuple[int, int]) -> Tensor:
    """The frequencies (..., y, x) of a smaller grid, out of an FFT's of a larger one."""
    return spectrum if spectrum.shape[-2:] == grid else _LowFrequencies.apply(spectrum, grid)


class _LowFrequencies(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, grid: tuple[int, int]) -> Tensor:
        ctx.whole = spectrum.shape
        found = spectrum.new_empty(*spectrum.shape[:-2], *grid)
        for to, of in _corners(grid, ctx.whole[-2:]):
            found[to] = spectrum[of]
        return found

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        found = gradient.new_zeros(ctx.whole)
        for of, to in _corners(gradient.shape[-2:], ctx.whole[-2:]):
            found[to] = gradient[of]
        return found, None


def _corners(small: Sequence[int], large: Sequence[int]) -> Iterator[tuple[Any, Any]]:
    """The four corners of an FFT that hold its low frequencies: where they are on a small and on a large grid."""
    ends = [
        ((slice(0, side - side // 2),) * 2, (slice(side - side // 2, side), slice(whole - side // 2, whole)))
        for side, whole in zip(small, large, strict=True)
    ]
    for (y, from_y), (x, from_x) in product(*ends):
        yield (..., y, x), (..., from_y, from_x)


def _rising(radius: Tensor) -> Tensor:
    """0 below half of radius 1, 1 above it, a quarter of a cosine over the octave between."""
    octaves = torch.log2(radius.clamp_min(1e-12)).clamp(-1, 0)
    response = torch.cos(torch.pi / 2 * octaves)
    return torch.where(octaves <= -1, 0.0, response)


def _falling(radius: Tensor) -> Tensor:
    """What completes ``_rising`` to power 1."""
    octaves = torch.log2(radius.clamp_min(1e-12)).clamp(-1, 0)
    return torch.sin(-torch.pi / 2 * octaves)
