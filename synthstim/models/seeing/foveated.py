"""Texture statistics in windows that grow with eccentricity (Freeman & Simoncelli 2011): the ventral stream's blur of features.

An image that matches another in every window is a metamer to the model: intact where the eye looks, jumbled around it. The
statistics of a window are those of Portilla & Simoncelli 2000, each an average weighted by the window.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthstim.models.seeing.band_moments import BandMoments, half_plane
from synthstim.models.seeing.marginals import LowMoments, PixelMoments
from synthstim.models.seeing.pooling import PoolMatrix, by_place, pooled, pooled_lags, pooled_products
from synthstim.models.seeing.portilla_simoncelli import (
    COLOUR_STATISTICS,
    REACH,
    SCALES,
    STATISTICS,
    PortillaSimoncelli,
)
from synthstim.models.seeing.steerable import low_frequencies
from synthstim.models.seeing.window_moments import MAGNITUDE_MEAN, WindowMoments
from synthstim.models.seeing.windowed import CENTRE, Windowed
from synthstim.models.seeing.windows import WINDOW_SETTINGS, LogPolarWindows, read_settings

SIZE = (256, 256)
SETTINGS = WINDOW_SETTINGS
_TINY = 1e-30


class FoveatedStatistics(Windowed, PortillaSimoncelli):
    """The statistics of every window, by class.

    Of each class the windows' values come one after the other. They are covariances and central moments: to divide by a
    window's variance, as correlations of a whole image do, makes those of smooth windows jump at every step of a search. Beside those
    of a whole image there are the mean magnitudes of the bands in each window; minima and maxima are left out. ``centre``
    are the pixels that no window pools, each times what the windows leave of it.

    Departures from the paper: windows are drawn on the finest grid and summed over the cells of coarser ones; one that
    hardly meets the image is part of the next one inwards; and what is averaged of a correlation has the mean of the window
    taken out where it lies, not where it is moved to.

    Args:
        size: (height, width) of the images: any, from 64 pixels.
        channels: 1 for grey, 3 for colours.
        scaling: diameter of a window over its eccentricity.
        fixation: (y, x) in pixels; None for the middle.
        fovea: radius of the centre, in pixels; None for where windows are 8 pixels wide.

    Raises:
        InputError: the images are too small, or the windows do not suit them.

    Example:
        >>> network = FoveatedStatistics((64, 64), scaling=1.0)
        >>> network.windows.count, network(torch.rand(1, 1, 64, 64)).shape
        (13, torch.Size([1, 9684]))
    """

    bytes_of_value = 1600
    highpass: Tensor

    def __init__(
        self,
        size: tuple[int, int],
        *,
        channels: int = 1,
        scaling: float = 0.5,
        fixation: tuple[float, float] | None = None,
        fovea: float | None = None,
    ) -> None:
        super().__init__(size, channels=channels)
        # Covariances differ more from class to class than correlations do.
        self.evenness = 0.75
        self.look_through(LogPolarWindows(size, scaling, fixation, fovea))
        whole = COLOUR_STATISTICS if channels > 1 else STATISTICS
        self.statistics = (CENTRE, *whole, MAGNITUDE_MEAN)
        for name in (CENTRE, MAGNITUDE_MEAN):
            self.add_module(name, nn.Identity())
        self._keep("highpass", self.pyramid.highpass()[:, : size[1] // 2 + 1].float())
        # Of a whole image, values of a scale grow with the area of its pixels; here all are in display values.
        self.grown = [size[0] * size[1] / (grid[0] * grid[1]) for grid in self.grids]

    def of_part(self) -> None:
        """No part sees through the same windows."""

    def _pool(self, scale: int, like: Tensor) -> PoolMatrix:
        return self.pool_on(self.grids[scale], like)

    def forward(self, images: Tensor) -> Tensor:
        """All classes side by side, in the order of ``statistics``."""
        found = self.moments(images).values(self.pairs, self.colours, self.unlike)
        # (window x batch, ...) -> (batch, window, value)
        by_image = {
            name: values.flatten(1).unflatten(0, (-1, len(images))).transpose(0, 1) for name, values in found.items()
        }
        by_image[CENTRE] = self.centre_of(images)
        return torch.cat([self.get_submodule(name)(by_image[name].flatten(1)) for name in self.statistics], 1)

    def moments(self, images: Tensor) -> WindowMoments:
        """The moments of every window, from which the statistics are taken."""
        pixels = self._moments(images, 0)
        rotated = images if self.channels == 1 else torch.einsum("nchw,kc->nkhw", images, self.basis)
        spectrum = torch.fft.fft2(rotated)
        high = torch.fft.irfft2(spectrum[..., : self.highpass.shape[1]] * self.highpass, s=rotated.shape[-2:])
        squares = pooled(by_place(high).square(), self._pool(0, high)).flatten(0, 1)
        low, bands, means = [], [], []
        for scale, grid in enumerate(self.grids):
            spectrum = low_frequencies(spectrum, grid)
            low.append(self._low_of(spectrum, scale))
            if scale < SCALES:
                moments, mean = self._bands_of(spectrum, scale)
                bands.append(moments)
                means.append(mean)
        return WindowMoments(pixels, squares, low, bands, means)

    def _moments(self, images: Tensor, scale: int) -> PixelMoments:
        """Central moments (window x batch, channel) of images, in double precision: they are differences of raw ones."""
        x = by_place(images).double()
        raw = [pooled(power, self._pool(scale, x)) for power in (x, x.square(), x**3, x**4)]
        mean, second, third, fourth = (each.flatten(0, 1) for each in raw)
        variance = (second - mean.square()).clamp_min(0)
        skew = third - 3 * mean * second + 2 * mean**3
        tail = fourth - 4 * mean * third + 6 * mean.square() * second - 3 * mean**4
        mean, variance, skew, tail = (each.to(images.dtype) for each in (mean, variance, skew, tail))
        # Least and most are of no window.
        return PixelMoments(mean, variance, skew, tail, mean, mean)

    def _low_of(self, spectrum: Tensor, scale: int) -> LowMoments:
        """Moments of a low-passed image in each window."""
        grid, response = self.grids[scale], getattr(self, f"low_{scale}")[0]
        image = torch.fft.irfft2(spectrum[..., : response.shape[-1]] * response, s=grid) / self.grown[scale]
        moments = self._moments(image, scale)
        x = by_place(image).double()
        pool = self._pool(scale, x)
        mean = pooled(x, pool)
        lags = pooled_lags(x, pool, self._lags_of(scale), grid) - mean.square()[..., None]
        products = pooled_products(x, x, pool) - mean[..., :, None] * mean[..., None, :]
        lags, products = (each.flatten(0, 1).to(image.dtype) for each in (lags, products))
        return LowMoments(lags, moments.third, moments.fourth, products)

    def _bands_of(self, spectrum: Tensor, scale: int) -> tuple[BandMoments, Tensor]:
        """Moments of the bands of a scale in each window, and the mean magnitudes of its own bands."""
        grid, own = self.grids[scale], self.bands
        responses = torch.view_as_complex(getattr(self, f"bands_{scale}"))
        bands = (
            torch.fft.ifft2(spectrum[:, None] * responses[:, None], norm="forward").flatten(1, 2) / self.grown[scale]
        )
        size = (bands.real.square() + bands.imag.square() + _TINY).sqrt()
        coarse = bands[:, own:]
        # Their phase is doubled.
        doubled = coarse * coarse / size[:, own:]
        whole = size.mean((-2, -1), keepdim=True)
        sizes, waves = (
            by_place(size - whole),
            by_place(torch.cat([bands.real[:, :own], doubled.real, doubled.imag], 1)),
        )
        pool = self._pool(scale, sizes)
        mean = pooled(sizes, pool)
        lags = pooled_lags(sizes[..., :own], pool, self._lags_of(scale), grid) - mean[..., :own].square()[..., None]
        magnitudes = _symmetric(sizes, own, pool) - mean[..., :, None] * mean[..., None, :]
        moments = (lags, magnitudes, _symmetric(waves, own, pool))
        total = (mean[..., :own] + whole[..., 0, 0][:, :own]).flatten(0, 1)
        return BandMoments(*(each.flatten(0, 1) for each in moments)), total

    def _lags_of(self, scale: int) -> list[tuple[int, int]]:
        return half_plane(min(REACH, (min(self.grids[scale]) - 1) // 2))


def _symmetric(maps: Tensor, own: int, pool: PoolMatrix) -> Tensor:
    """Products (window, batch, any, any) of a scale's own maps with all, and of the others with themselves."""
    rows = pooled_products(maps[..., :own].contiguous(), maps, pool)
    if maps.shape[-1] == own:
        return rows
    squares = pooled(maps[..., own:].square(), pool)
    below = torch.cat([rows[..., own:].mT, torch.diag_embed(squares)], -1)
    return torch.cat([rows, below], -2)


def network(
    size: tuple[int, int],
    *,
    channels: int = 1,
    scaling: float = 0.5,
    fixation: Sequence[float] | None = None,
    fovea: float | None = None,
) -> FoveatedStatistics:
    """The statistics of images of this size. They have no weights.

    Raises:
        InputError: a setting is not a number, or the fixation not two.
    """
    return FoveatedStatistics(size, channels=channels, **read_settings(scaling, fixation, fovea))
