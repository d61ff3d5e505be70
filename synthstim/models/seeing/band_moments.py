"""Second moments of the bands of one scale of a pyramid, their magnitudes and their coarser neighbours.

One function with a backward pass of its own: each band is transformed once forward and once back, magnitudes are kept,
and the autocorrelations come from the power spectrum by a small matrix product instead of an inverse transform.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Coefficients that are worked on at once: with all that is computed of them they fit a processor's cache.
_CACHED = 2**19
_TINY = 1e-30


class BandMoments(NamedTuple):
    """Averages over the pixels of a scale, whose bands are counted as ``orientation * channels + channel``.

    Attributes:
        autocorrelation: (batch, band, lag) of the centred magnitudes; lag 0 is first.
        magnitudes: (batch, any, any) products of the centred magnitudes of the bands, then of the coarser ones.
        waves: (batch, any, any) products of the real parts of the bands, then of the real parts and of the imaginary parts
            of the coarser ones, whose phase is doubled.
    """

    autocorrelation: Tensor
    magnitudes: Tensor
    waves: Tensor


def band_moments(spectrum: Tensor, responses: Tensor, across: Tensor, down: Tensor, own: int) -> BandMoments:
    """Moments of the bands of a scale.

    Args:
        spectrum: (batch, channel, y, x) of an FFT, complex.
        responses: (own + coarser, y, x, real and imaginary part), over the number of the image's pixels.
        across, down: tables of ``lag_tables``.
        own: how many responses are of this scale; the rest are those of the next coarser one.
    """
    at_once = len(spectrum)
    if spectrum.device.type == "cpu":
        at_once = min(at_once, max(1, _CACHED // (spectrum[0].numel() * len(responses))))
    parts = [_Moments.apply(some, responses, across, down, own) for some in spectrum.split(at_once)]
    return BandMoments(*(part[0] if len(parts) == 1 else torch.cat(part) for part in zip(*parts, strict=True)))


class _Moments(torch.autograd.Function):
    # Real and imaginary parts are kept apart: that is several times faster than complex arithmetic.
    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, responses: Tensor, across: Tensor, down: Tensor, own: int) -> Any:
        batch, channels, *grid = spectrum.shape
        every, fine = channels * len(responses), channels * own
        bands = torch.fft.ifft2(spectrum[:, None] * torch.view_as_complex(responses)[:, None], norm="forward")
        x, y = (part.contiguous().view(batch, every, *grid) for part in torch.view_as_real(bands).unbind(-1))
        size = torch.addcmul(x * x, y, y).sqrt_()
        waves = size.new_empty(batch, 2 * every - fine, *grid)
        waves[:, :fine] = x[:, :fine]
        inverse = size.clamp_min(_TINY).reciprocal_()
        x *= inverse
        y *= inverse
        u, v = x[:, fine:], y[:, fine:]
        turned = torch.stack([torch.addcmul(u * u, v, v, value=-1), (u * v).mul_(2)], 1)
        torch.mul(turned, size[:, None, fine:], out=waves[:, fine:].unflatten(1, (2, -1)))
        size -= size.mean((-2, -1), keepdim=True)
        transformed = torch.fft.rfft2(size[:, :fine])
        lags = windowed(squares_of(transformed), across, down)
        ctx.save_for_backward(responses, across, down, x, y, size, waves, turned, transformed)
        ctx.channels = channels
        area = grid[0] * grid[1]
        return lags, *(torch.bmm(flat, flat.mT) / area for flat in (size.flatten(2), waves.flatten(2)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, on_lags: Tensor, on_sizes: Tensor, on_products: Tensor) -> Any:
        responses, across, down, x, y, size, waves, turned, transformed = ctx.saved_tensors
        batch, every, *grid = size.shape
        fine, area = transformed.shape[1], grid[0] * grid[1]
        on_size, on_waves = (
            torch.bmm((on + on.mT) / area, of.flatten(2)).view_as(of)
            for on, of in ((on_sizes, size), (on_products, waves))
        )
        on_size[:, :fine] += torch.fft.irfft2(transformed * spread(on_lags, across, down), s=grid)
        # The conjugate of the gradient, so that the inverse transform gives the conjugate of what is wanted.
        back = torch.empty(batch, every, *grid, 2, dtype=size.dtype, device=size.device)
        torch.addcmul(on_waves[:, :fine], x[:, :fine], on_size[:, :fine], out=back[:, :fine, ..., 0])
        torch.mul(y[:, :fine], on_size[:, :fine], out=back[:, :fine, ..., 1]).neg_()
        if every > fine:
            (g, h), (c, s) = on_waves[:, fine:].unflatten(1, (2, -1)).unbind(1), turned.unbind(1)
            u, v = x[:, fine:], y[:, fine:]
            along = torch.addcmul(on_size[:, fine:], g, c).addcmul_(h, s)
            around = (h * c).addcmul_(g, s, value=-1).mul_(2)
            torch.addcmul(u * along, v, around, value=-1, out=back[:, fine:, ..., 0])
            torch.addcmul(u * around, v, along, out=back[:, fine:, ..., 1]).neg_()
        found = torch.fft.ifft2(torch.view_as_complex(back).unflatten(1, (-1, ctx.channels)), norm="forward")
        found *= torch.view_as_complex(responses)[:, None]
        return found.sum(1).conj(), None, None, None, None


def half_plane(reach: int) -> list[tuple[int, int]]:
    """Lags (y, x) up to ``reach`` in either direction, one of each pair of opposite ones; (0, 0) is first."""
    return [(y, x) for y in range(reach + 1) for x in range(-reach, reach + 1) if y > 0 or x >= 0]


def lag_tables(grid: tuple[int, int], reach: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the lags: (2, 2 x x frequency, 2 x lag x), to average and to go back, and (2 x lag y, y frequency)."""
    height, width = grid
    x, y = (torch.arange(last, dtype=torch.float64) for last in (width // 2 + 1, height))
    lags = torch.arange(-reach, reach + 1, dtype=torch.float64)
    by_x = 2 * torch.pi / width * x[:, None] * lags
    by_y = 2 * torch.pi / height * torch.arange(reach + 1)[:, None] * y
    across = torch.cat([by_x.cos(), by_x.sin()], 1)
    area = height * width
    averaging = across * half_weights(width)[:, None] / area**2
    # A row for the real and one for the imaginary part.
    both = torch.stack([averaging, across * 2 / area]).repeat_interleave(2, 1)
    return both, torch.cat([by_y.cos(), -by_y.sin()])


def half_weights(width: int) -> Tensor:
    """How often each column of a real FFT stands in the whole spectrum: once at zero and at the Nyquist frequency, else twice."""
    twice = torch.full((width // 2 + 1,), 2, dtype=torch.float64)
    twice[0] = 1
    if width % 2 == 0:
        twice[-1] = 1
    return twice


def squares_of(spectrum: Tensor) -> Tensor:
    """Squares of the real and imaginary parts, (..., 2 x frequency x), side by side."""
    return torch.view_as_real(spectrum).square().flatten(-2)


def windowed(squares: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Autocorrelation (..., lag), a mean over pixels, of what has these ``squares_of`` its real FFT."""
    rows = (squares @ across[0]).unflatten(-1, (2, -1)).movedim(-2, -3)
    reach = rows.shape[-1] // 2
    window = (down.unflatten(0, (2, -1)) @ rows).sum(-3)
    return window.flatten(-2)[..., reach:]


def spread(on_lags: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """What multiplies the real FFT (..., y, x) of a signal to give that of the gradient of its autocorrelation."""
    width = across.shape[-1] // 2
    window = torch.nn.functional.pad(on_lags, (width // 2, 0)).unflatten(-1, (-1, width))
    columns = across[1, ::2].unflatten(-1, (2, -1)).movedim(1, 0)
    rows = (window[..., None, :, :] @ columns.mT).flatten(-3, -2)
    return down.mT @ rows
