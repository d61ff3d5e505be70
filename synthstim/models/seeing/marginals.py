"""Moments of pixels and of low-passed images, and ratios that stay finite where nothing varies."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from synthstim.models.seeing.band_moments import power_of, windowed

# Standard deviation, in display values, under which nothing varies: one level more in one pixel of any image is more.
STILL = 1e-6
NOISE_KURTOSIS = 3.0


class LowPassed(NamedTuple):
    """Statistics of images low-passed to a scale, (batch, channel x ...); ``products`` (batch, channel, channel)."""

    skewness: Tensor
    kurtosis: Tensor
    deviation: Tensor
    autocorrelation: Tensor
    products: Tensor


def pixel_statistics(images: Tensor) -> Tensor:
    """Mean, variance, skewness, kurtosis, minimum and maximum of each channel, (batch, channel x 6).

    The variance is that of a sample, as published, also where it divides.
    """
    flat = images.flatten(2)
    mean = flat.mean(2)
    centred = flat - mean[..., None]
    square = centred * centred
    count = flat.shape[2]
    variance = square.sum(2) / (count - 1)
    floor = variance.clamp_min(STILL**2)
    skewness = (square * centred).mean(2) / floor**1.5
    kurtosis = torch.where(variance < STILL**2, NOISE_KURTOSIS, square.square().mean(2) / floor**2)
    return torch.stack([mean, variance, skewness, kurtosis, flat.amin(2), flat.amax(2)], 2).flatten(1)


def low_passed(
    spectrum: Tensor, grid: tuple[int, int], across: Tensor, down: Tensor, *, least: Tensor, floor: float
) -> LowPassed:
    """Statistics of images from their real FFTs.

    Args:
        spectrum: (batch, channel, y, x); the mean is 0.
        grid: (height, width) of the images.
        across, down: tables of ``lag_tables``.
        least: (batch, channel) variance below which the skewness is 0 and the kurtosis that of noise.
        floor: of the variance, in denominators.
    """
    lags = windowed(power_of(spectrum), across, down)
    variance = lags[..., 0]
    divisor = variance.clamp_min(floor)
    flat = torch.fft.irfft2(spectrum, s=grid).flatten(2)
    square = flat * flat
    faint = variance < least.clamp_min(floor)
    skewness = (square * flat).mean(2) / divisor**1.5
    kurtosis = square.square().mean(2) / divisor**2
    return LowPassed(
        torch.where(faint, 0.0, skewness),
        torch.where(faint, NOISE_KURTOSIS, kurtosis),
        deviation(variance, floor),
        (lags[..., 1:] / divisor[..., None]).flatten(1),
        torch.bmm(flat, flat.mT) / flat.shape[2] if flat.shape[1] > 1 else variance[..., None],
    )


def deviation(variance: Tensor, floor: float) -> Tensor:
    """The standard deviation; below the floor it falls as the variance, so that its gradient is finite."""
    return variance / variance.clamp_min(floor).sqrt()


def correlation(products: Tensor, one: Tensor, other: Tensor, floor: float) -> Tensor:
    """Mean products (batch, one, other) over the square roots of both mean squares."""
    scales = (variance.clamp_min(floor).rsqrt() for variance in (one, other))
    return products * next(scales)[:, :, None] * next(scales)[:, None]
