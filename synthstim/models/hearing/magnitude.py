"""The Hilbert envelope of a band from its spectrum, at a reduced rate, with a gradient that is finer than the rate."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# Squared magnitudes below this count as 0; their gradients fade to 0.
_TINY = 1e-30
# Samples computed together, to stay in a processor's cache.
_BLOCK = 131_072
# Where the backward pass looks around a sample, in samples.
_BETWEEN = (-3 / 8, -1 / 8, 1 / 8, 3 / 8)


def magnitude(spectra: Tensor, length: int, *, between: bool = True, floor: float = 0.0) -> Tensor:
    """Return the magnitude (..., ``length``) of the analytic signals that have ``spectra`` (..., bin), without scaling.

    The gradient of a magnitude is its signal's direction, which turns about almost at once where the signal passes
    close to 0; sampled, that aliases. With ``between`` the backward pass therefore takes the mean direction of points
    between the samples, on the line along which the signal moves: the error falls to less than half, as if the rate
    were nearly twice as high. The gradient is then closer to that of the envelope, and not exactly that of the samples
    taken from it. Smaller magnitudes come out as ``floor``, without a gradient.
    """
    return _Magnitude.apply(spectra, length, between, floor)


class _Magnitude(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, spectra: Tensor, length: int, between: bool, floor: float) -> Tensor:
        rows = spectra.flatten(0, -2)
        envelopes = rows.real.new_empty(len(rows), length)
        directions = envelopes.new_empty(2, *envelopes.shape) if ctx.needs_input_grad[0] else None
        step = max(1, _BLOCK // length)
        for first in range(0, len(rows), step):
            block = slice(first, first + step)
            signals = torch.fft.ifft(_centred(rows[block], length), norm="forward")
            # Planes of reals: arithmetic on neighbouring pairs is several times slower.
            planes = torch.stack([signals.real, signals.imag])
            torch.sqrt(_squared(planes), out=envelopes[block])
            if directions is None:
                continue
            if between:
                _sum_of_directions(planes, floor, out=directions[:, block])
            else:
                torch.mul(planes, _inverse(planes, floor), out=directions[:, block])
        if floor:
            envelopes.clamp_(min=floor)
        ctx.save_for_backward(directions)
        ctx.shape, ctx.between = spectra.shape, between
        return envelopes.view(*spectra.shape[:-1], length)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (directions,), (gradient,) = ctx.saved_tensors, gradients
        gradient, length, width = gradient.flatten(0, -2), directions.shape[-1], ctx.shape[-1]
        spectra = torch.complex(gradient[:0], gradient[:0]).new_empty(len(gradient), width)
        below, step = width // 2, max(1, _BLOCK // length)
        for first in range(0, len(gradient), step):
            block = slice(first, first + step)
            real, imaginary = directions[:, block] * gradient[block]
            signals = torch.fft.fft(torch.complex(real, imaginary))
            spectra[block, :below], spectra[block, below:] = signals[:, length - below :], signals[:, : width - below]
        if ctx.between:
            turns = (torch.arange(width, device=gradient.device, dtype=gradient.dtype) - below) * (2 * math.pi / length)
            spectra *= _shortening(turns).reciprocal().to(spectra.dtype)
        return spectra.view(ctx.shape), None, None, None


def _centred(spectra: Tensor, length: int) -> Tensor:
    """Put the middle bin at 0 Hz, where signals turn least from one sample to the next, and zeros beyond the ends."""
    width = spectra.shape[-1]
    below = width // 2
    centred = spectra.new_zeros(len(spectra), length)
    centred[:, : width - below], centred[:, length - below :] = spectra[:, below:], spectra[:, :below]
    return centred


def _sum_of_directions(planes: Tensor, floor: float, *, out: Tensor) -> None:
    """The sum of the directions at ``_BETWEEN``, on straight lines through the samples, as steep as their neighbours'.

    ``planes`` and ``out`` are (2, band, sample), real and imaginary.
    """
    # Half the difference of both neighbours, ends meeting.
    step = torch.empty_like(planes)
    torch.sub(planes[..., 2:], planes[..., :-2], out=step[..., 1:-1])
    step[..., 0], step[..., -1] = planes[..., 1] - planes[..., -1], planes[..., 0] - planes[..., -2]
    step.div_(2)
    for number, place in enumerate(_BETWEEN):
        there = torch.add(planes, step, alpha=place)
        scale = _inverse(there, floor)
        if number == 0:
            torch.mul(there, scale, out=out)
        else:
            out.addcmul_(there, scale)


def _shortening(turns: Tensor) -> Tensor:
    """The length that a sum of directions has of signals that turn steadily, by ``turns`` radians a sample."""
    lengths = [(1 + (place * turns.sin()) ** 2).rsqrt() for place in _BETWEEN]
    return torch.stack(lengths).sum(0)


def _inverse(planes: Tensor, floor: float) -> Tensor:
    """One over the magnitude, or 0 where that is no more than ``floor``."""
    squared = _squared(planes)
    return squared.rsqrt().mul_(squared > floor**2) if floor else squared.rsqrt_()


def _squared(planes: Tensor) -> Tensor:
    real, imaginary = planes
    return (real * real).addcmul_(imaginary, imaginary).clamp_(min=_TINY)
