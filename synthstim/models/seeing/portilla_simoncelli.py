"""Texture statistics of images (Portilla & Simoncelli 2000), grey or in colour.

An image is filtered by a steerable pyramid; ``STATISTICS`` are averages over the image of pixels, of bands and of their
magnitudes (doi:10.1023/A:1026553619983). An image that matches another in every class, starting from noise, is the same
texture to the model: ``match(image, STATISTICS)`` is the objective. The ends of an image are joined, as published.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthstim.modalities.image.noise import shaped_noise
from synthstim.modalities.image.opponents import opponent_basis
from synthstim.models.seeing.band_moments import BandMoments, band_moments, half_weights, lag_tables, squares_of
from synthstim.models.seeing.marginals import LowMoments, PixelMoments, low_moments, pixel_moments
from synthstim.models.seeing.sizes import require_side
from synthstim.models.seeing.steerable import SteerablePyramid, low_frequencies

SIZE = (256, 256)
SMALLEST = 64
# A part of this side has all statistics of the whole: its coarsest scale holds all lags. Of wholes of fewer parts they are
# measured as fast.
PART = 128
FEWEST_PARTS = 4
SCALES, ORIENTATIONS = 4, 4
# Autocorrelations are read up to this many pixels apart, 7 x 7 of them, or as far as a small scale's half.
REACH = 3
# Share of the image's variance below which a low-passed image has the skewness and kurtosis of noise.
FAINT = 1e-6
NOISE_KURTOSIS = 3.0
# How even a say classes have while they are matched in colour: with as uneven a one as in grey, two photographs of three kept
# the wrong variances beyond the finest scale.
COLOUR_EVENNESS = 0.5
# Standard deviation, in display values, under which nothing varies: one level more in one pixel is more than that.
STILL = 1e-6
# The classes that are matched, as layers.
STATISTICS = (
    "pixels",
    "skewness",
    "kurtosis",
    "deviation",
    "autocorrelation",
    "magnitude_deviation",
    "magnitude_autocorrelation",
    "orientation_correlation",
    "scale_correlation",
    "phase_correlation",
    "highpass_variance",
)
COLOUR_STATISTICS = (*STATISTICS, "colour_correlation")


class PortillaSimoncelli(nn.Module):
    """Statistics of a texture, one class a stage; images (batch, channel, y, x), display values -> (batch, statistic).

    A scale is an octave, of which 4 are read, in 4 orientations. Values go through
    scales from the finest, then bands; of one image or one band through scales, then lags.

    ``pixels``: mean, variance, skewness, kurtosis, minimum and maximum of each channel. ``skewness``, ``kurtosis``,
    ``deviation`` (standard) and ``autocorrelation`` (less lag 0) of the image low-passed to each scale.
    ``magnitude_deviation`` and ``magnitude_autocorrelation`` of the local amplitude of each band;
    ``orientation_correlation`` of it between bands of a scale, ``scale_correlation`` with those of the next coarser scale;
    ``phase_correlation`` of the real parts of bands with both parts of the coarser ones, their phase doubled.
    ``highpass_variance`` of what is beyond the finest scale.

    In colour, channels are rotated to intensity, red against blue, and green against magenta, and bands of all of them
    count as bands: their correlations are joint. ``colour_correlation`` is that of low-passed images and of real parts
    between channels. (Departure: Portilla & Simoncelli rotate to principal components of the reference.)

    What does not vary has statistics of 0 (kurtosis of 3), and finite gradients, where the published ones are undefined.

    Args:
        size: (height, width) of the images: any, from 64 pixels.
        channels: 1 for grey, 3 for colours.

    Raises:
        InputError: the images are too small.

    Example:
        >>> PortillaSimoncelli((256, 256))(torch.rand(1, 1, 256, 256)).shape
        torch.Size([1, 710])
    """

    basis: Tensor
    high: Tensor
    floors: Tensor
    bytes_of_value = 650

    def __init__(self, size: tuple[int, int], *, channels: int = 1) -> None:
        super().__init__()
        require_side(size, SMALLEST, shown="images", what="texture statistics")
        self.size, self.channels = size, channels
        self.statistics = COLOUR_STATISTICS if channels > 1 else STATISTICS
        if channels > 1:
            self.evenness = COLOUR_EVENNESS
        for name in self.statistics:
            self.add_module(name, nn.Identity())
        self.pyramid = SteerablePyramid(size, SCALES, ORIENTATIONS)
        self.grids = [self.pyramid.grid(scale) for scale in range(SCALES + 1)]
        area = size[0] * size[1]
        # As published, values of a scale grow with the area of its pixels.
        pixel = torch.tensor([area / (grid[0] * grid[1]) for grid in self.grids], dtype=torch.float64)
        self._keep("floors", (STILL * pixel).square())
        self.bands = channels * ORIENTATIONS
        self.pairs = torch.tril_indices(self.bands, self.bands, -1).unbind()
        self.colours = torch.tril_indices(channels, channels, -1).unbind()
        one, other = self.pairs
        unlike = one % channels != other % channels
        self.unlike = one[unlike], other[unlike]
        self._tables(area)
        self.float()

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """All classes by one name."""
        return {"statistics": tuple(self.statistics)}

    @property
    def bytes_of_item(self) -> int:
        """About how much memory an image and its gradient take, as measured at 256 and 512 px."""
        height, width = self.grids[0]
        return self.channels * height * width * self.bytes_of_value

    def of_part(self) -> PortillaSimoncelli | None:
        """The same statistics of a small part of such an image, those of a texture being alike everywhere; None of a small one."""
        height, width = self.size
        part = min(height, PART), min(width, PART)
        return PortillaSimoncelli(part, channels=self.channels) if height * width >= FEWEST_PARTS * PART**2 else None

    def noise_like(self, references: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Noise (batch, channel, y, x) to begin a metamer of each reference from: with its spectrum and its histogram."""
        return shaped_noise(references, generators)

    def _tables(self, area: int) -> None:
        pyramid = self.pyramid
        self._keep("basis", opponent_basis(self.channels))
        self._keep("high", (pyramid.highpass().square() / area**2).repeat_interleave(2, 1))
        for scale, grid in enumerate(self.grids):
            across, down = lag_tables(grid, min(REACH, (min(grid) - 1) // 2))
            self._keep(f"across_{scale}", across)
            self._keep(f"down_{scale}", down)
            # Filtered down and up again; the mean is left out.
            low = pyramid.lowpass(scale, scale).square()
            low[0, 0] = 0
            half = low[:, : grid[1] // 2 + 1]
            self._keep(f"low_{scale}", torch.stack([half, half * half_weights(grid[1]) / (grid[0] * grid[1])]))
            if scale < SCALES:
                bands = torch.cat([pyramid.bands(octave, scale) for octave in (scale, scale + 1) if octave < SCALES])
                self._keep(f"bands_{scale}", torch.view_as_real(bands / (grid[0] * grid[1])))

    def _keep(self, name: str, table: Tensor) -> None:
        self.register_buffer(name, table.contiguous(), persistent=False)

    def _lags(self, scale: int) -> tuple[Tensor, Tensor]:
        return getattr(self, f"across_{scale}"), getattr(self, f"down_{scale}")

    def forward(self, images: Tensor) -> Tensor:
        """All classes side by side, in the order of ``statistics``."""
        pixels = pixel_moments(images)
        if self.channels > 1:
            images = torch.einsum("nchw,kc->nkhw", images, self.basis)
        spectrum = torch.fft.fft2(images)
        found = {"highpass_variance": (squares_of(spectrum) * self.high).sum((-2, -1))}
        low, bands = [], []
        for scale, grid in enumerate(self.grids):
            spectrum = low_frequencies(spectrum, grid)
            low.append(low_moments(spectrum, getattr(self, f"low_{scale}"), *self._lags(scale)))
            if scale < SCALES:
                bands.append(band_moments(spectrum, getattr(self, f"bands_{scale}"), *self._lags(scale), ORIENTATIONS))
        found |= _of_pixels(pixels) | self._of_low(low, images) | self._of_bands(bands) | self._across_scales(bands)
        if self.channels > 1:
            found["colour_correlation"] = self._between_colours(low, bands)
        return torch.cat([self.get_submodule(name)(found[name].flatten(1)) for name in self.statistics], 1)

    def _of_low(self, low: Sequence[LowMoments], images: Tensor) -> dict[str, Tensor]:
        """What is of the low-passed images, (batch, channel, scale ...)."""
        variance, third, fourth = (
            torch.stack(each, 2)
            for each in zip(*((image.autocorrelation[..., 0], image.third, image.fourth) for image in low), strict=True)
        )
        divisor = variance.maximum(self.floors)
        faint = variance < (FAINT * images.detach().var((-2, -1)))[..., None].maximum(self.floors)
        return {
            "skewness": torch.where(faint, 0.0, third / divisor**1.5),
            "kurtosis": torch.where(faint, NOISE_KURTOSIS, fourth / divisor.square()),
            "deviation": variance * divisor.rsqrt(),
            "autocorrelation": _relative([image.autocorrelation for image in low], divisor),
        }

    def _of_bands(self, bands: Sequence[BandMoments]) -> dict[str, Tensor]:
        """What is of the magnitudes within a scale, (batch, scale, band ...), of lags (batch, band, scale, lag)."""
        products = torch.stack([band.magnitudes[:, : self.bands, : self.bands] for band in bands], 1)
        variance = products.diagonal(dim1=2, dim2=3)
        divisor = variance.maximum(self.floors[:SCALES, None])
        return {
            "magnitude_deviation": variance * divisor.rsqrt(),
            "magnitude_autocorrelation": _relative([band.autocorrelation for band in bands], divisor.mT),
            "orientation_correlation": _correlation(products, divisor, divisor)[..., self.pairs[0], self.pairs[1]],
        }

    def _across_scales(self, bands: Sequence[BandMoments]) -> dict[str, Tensor]:
        """What is between a scale and the next coarser one, (batch, scale, band, coarser band)."""
        found = {}
        for name, kind in (("scale_correlation", "magnitudes"), ("phase_correlation", "waves")):
            products = torch.stack([getattr(band, kind) for band in bands[:-1]], 1)
            divisor = products.diagonal(dim1=2, dim2=3).maximum(self.floors[: SCALES - 1, None])
            fine, coarse = divisor.tensor_split([self.bands], 2)
            found[name] = _correlation(products[:, :, : self.bands, self.bands :], fine, coarse)
        return found

    def _between_colours(self, low: Sequence[LowMoments], bands: Sequence[BandMoments]) -> Tensor:
        real = [band.waves[:, : self.bands, : self.bands] for band in bands]
        found = []
        for each, (one, other) in (([image.products for image in low], self.colours), (real, self.unlike)):
            products = torch.stack(each, 1)
            divisor = products.diagonal(dim1=2, dim2=3).maximum(self.floors[: len(each), None])
            found.append(_correlation(products, divisor, divisor)[..., one, other].flatten(1))
        return torch.cat(found, 1)


def _of_pixels(moments: PixelMoments) -> dict[str, Tensor]:
    """Mean, variance, skewness, kurtosis, minimum and maximum of each channel."""
    mean, variance, third, fourth, least, most = moments
    divisor = variance.clamp_min(STILL**2)
    kurtosis = torch.where(variance < STILL**2, NOISE_KURTOSIS, fourth / divisor.square())
    return {"pixels": torch.stack([mean, variance, third / divisor**1.5, kurtosis, least, most], 2)}


def _relative(autocorrelations: Sequence[Tensor], divisor: Tensor) -> Tensor:
    """Autocorrelations of scales (batch, any, lag) less lag 0, over the variances (batch, any, scale), side by side."""
    counts = [lags.shape[2] - 1 for lags in autocorrelations]
    of_lag = torch.tensor([scale for scale, count in enumerate(counts) for _ in range(count)], device=divisor.device)
    return torch.cat([lags[..., 1:] for lags in autocorrelations], 2) / divisor.index_select(2, of_lag)


def _correlation(products: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Mean products (..., one, other) over the square roots of both mean squares."""
    return products * one.rsqrt()[..., None] * other.rsqrt()[..., None, :]


def network(size: tuple[int, int], *, channels: int = 1) -> PortillaSimoncelli:
    """The statistics of images of this size. They have no weights."""
    return PortillaSimoncelli(size, channels=channels)
