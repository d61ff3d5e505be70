"""Moments of pixels and of low-passed images, each with a backward pass of its own."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from synthstim.models.seeing.band_moments import spread, squares_of, windowed


class PixelMoments(NamedTuple):
    """Of each channel, (batch, channel): the variance is that of a sample; the third and fourth are central moments."""

    mean: Tensor
    variance: Tensor
    third: Tensor
    fourth: Tensor
    least: Tensor
    most: Tensor


class LowMoments(NamedTuple):
    """Of images whose mean is 0: (batch, channel, lag) autocorrelation from lag 0, (batch, channel) moments, and
    (batch, channel, channel) products."""

    autocorrelation: Tensor
    third: Tensor
    fourth: Tensor
    products: Tensor


def pixel_moments(images: Tensor) -> PixelMoments:
    """Moments of images (batch, channel, y, x)."""
    return PixelMoments(*_Pixels.apply(images))


def low_moments(spectrum: Tensor, response: Tensor, across: Tensor, down: Tensor) -> LowMoments:
    """Moments of low-passed images.

    Args:
        spectrum: (batch, channel, y, x) of an FFT of the images, complex.
        response: (2, y, x of a real FFT) of the filter, and the same weighted by ``half_weights`` over the number of pixels.
        across, down: of ``lag_tables``.
    """
    return LowMoments(*_Low.apply(spectrum, response, across, down))


class _Pixels(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Any:
        flat = images.flatten(2)
        count = flat.shape[2]
        mean = flat.mean(2, keepdim=True)
        centred = flat - mean
        square = centred * centred
        cube = square * centred
        least, most = torch.aminmax(flat, dim=2, keepdim=True)
        ctx.save_for_backward(flat, centred, square, cube, least, most)
        ctx.shape = images.shape
        variance = square.sum(2) / (count - 1)
        return mean[..., 0], variance, cube.mean(2), (cube * centred).mean(2), least[..., 0], most[..., 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        flat, centred, square, cube, least, most = ctx.saved_tensors
        on_mean, on_variance, on_third, on_fourth, on_least, on_most = (each[..., None] for each in gradients)
        count = flat.shape[2]
        on_flat = centred * (2 / (count - 1) * on_variance)
        on_flat.addcmul_(square, 3 / count * on_third).addcmul_(cube, 4 / count * on_fourth)
        on_flat += on_mean / count - on_flat.mean(2, keepdim=True)
        # Those that share an extreme share its gradient.
        for extreme, gradient in ((least, on_least), (most, on_most)):
            there = (flat == extreme).to(flat.dtype)
            on_flat.addcmul_(there, gradient / there.sum(2, keepdim=True))
        return on_flat.view(ctx.shape)


class _Low(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, response: Tensor, across: Tensor, down: Tensor) -> Any:
        grid = spectrum.shape[-2:]
        filtered = spectrum[..., : response.shape[-1]] * response[0]
        flat = torch.fft.irfft2(filtered, s=grid).flatten(2)
        square = flat * flat
        cube = square * flat
        ctx.save_for_backward(response, across, down, filtered, flat, square, cube)
        ctx.grid = grid
        lags = windowed(squares_of(filtered), across, down)
        return lags, cube.mean(2), (cube * flat).mean(2), torch.bmm(flat, flat.mT) / flat.shape[2]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, on_lags: Tensor, on_third: Tensor, on_fourth: Tensor, on_products: Tensor) -> Any:
        response, across, down, filtered, flat, square, cube = ctx.saved_tensors
        count = flat.shape[2]
        on_flat = torch.bmm((on_products + on_products.mT) / count, flat)
        on_flat.addcmul_(square, 3 / count * on_third[..., None]).addcmul_(cube, 4 / count * on_fourth[..., None])
        wave = torch.fft.rfft2(on_flat.unflatten(2, ctx.grid))
        wave += filtered * spread(on_lags, across, down)
        # Half of the spectrum at twice the weight stands for all of a real image's.
        found = wave.new_zeros(*wave.shape[:-1], ctx.grid[1])
        torch.mul(wave, response[1], out=found[..., : wave.shape[-1]])
        return found, None, None, None
