"""The published cochleagram computed plainly: every band at the full length and rate, nothing shared with the package.

It is what the tests of `synthstim.models.hearing.cochleagram` compare with, and what its benchmark is timed against.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn


class PlainCochleagram(nn.Module):
    """Sounds (batch, samples) -> cochleagrams (batch, channel, frame), in the dtype asked for."""

    def __init__(
        self,
        samples: int,
        *,
        rate: float,
        n: int,
        low: float,
        high: float,
        oversampling: int,
        frame_rate: float,
        taps: int = 1001,
        beta: float = 5.0,
        padding: tuple[int, int] = (0, 0),
        power: float = 0.3,
        offset: float = 1e-8,
        slope_limit: float = math.inf,
        compress_first: bool = False,
        compat: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.samples, self.padding, self.compress_first = samples, padding, compress_first
        self.compat = compat
        self.power, self.offset, self.slope_limit = power, offset, slope_limit
        weights = filters(samples, rate, n, low, high, oversampling)
        if not compat:
            one_sided = torch.full((weights.shape[1],), 2.0, dtype=torch.float64)
            one_sided[0] = 1
            if samples % 2 == 0:
                one_sided[-1] = 1
            weights = weights * one_sided
        self.register_buffer("weights", weights.to(dtype))
        self.stride = round(rate / frame_rate)
        if self.stride == rate / frame_rate:
            kernel = windowed_sinc(torch.arange(taps) - taps // 2, taps, beta, rate / frame_rate, compat)
            self.register_buffer("kernel", kernel.to(dtype)[None, None])
        else:
            self.register_buffer(
                "matrix", frame_matrix(samples, rate / frame_rate, taps, beta, padding, compat).to(dtype)
            )

    def forward(self, waveforms: Tensor) -> Tensor:
        spectra = torch.fft.rfft(waveforms)[:, None] * self.weights
        envelopes = torch.fft.ifft(spectra, n=self.samples).abs()
        if self.compat:
            envelopes = envelopes.clamp(min=1e-8)
        if self.compress_first:
            return Rectify.apply(self.resample(self.compress(envelopes)))
        return self.compress(self.resample(envelopes))

    def compress(self, envelopes: Tensor) -> Tensor:
        return Power.apply(Rectify.apply(envelopes) + self.offset, self.power, self.slope_limit)

    def resample(self, envelopes: Tensor) -> Tensor:
        if not hasattr(self, "kernel"):
            return envelopes @ self.matrix.T
        batch, channels, _ = envelopes.shape
        if any(self.padding):
            envelopes = nn.functional.pad(envelopes, self.padding)
        frames = nn.functional.conv1d(envelopes.view(batch * channels, 1, -1), self.kernel, stride=self.stride)
        return frames.view(batch, channels, -1)


def filters(samples: int, rate: float, n: int, low: float, high: float, oversampling: int) -> Tensor:
    """Half-cosine filters, evenly spaced in ERB numbers, with their low- and high-pass companions: (channel, bin)."""

    def erb(hz: Any) -> Tensor:
        return 9.265 * torch.log(1 + torch.as_tensor(hz, dtype=torch.float64) / (24.7 * 9.265))

    at = erb(torch.arange(samples // 2 + 1, dtype=torch.float64) * rate / samples)
    edges = torch.linspace(float(erb(low)), float(erb(high)), oversampling * (n + 1) + 1, dtype=torch.float64)
    width = 2 * oversampling * float(edges[1] - edges[0])
    centres = edges[1:-1]
    bands = []
    for centre in centres:
        distance = (at - centre).abs()
        bands.append(torch.where(distance < width / 2, torch.cos(math.pi * distance / width), 0.0))
    lows = [
        torch.where(at < centres[i], torch.sqrt(1 - bands[i] ** 2), 0.0) for i in range(min(oversampling, len(bands)))
    ]
    highs = [torch.where(at > centres[i], torch.sqrt(1 - bands[i] ** 2), 0.0) for i in range(-oversampling, 0)]
    return torch.stack([*lows, *bands, *highs]) / math.sqrt(oversampling)


def windowed_sinc(times: Tensor, taps: int, beta: float, factor: float, late: bool) -> Tensor:
    """The filter at times (samples) from its middle; ``late``: the sinc, not the window, is half a sample late."""
    times = times.to(torch.float64)
    half = taps // 2
    window = torch.special.i0(beta * torch.sqrt((1 - (times / half) ** 2).clamp(min=0))) / torch.special.i0(
        torch.tensor(beta, dtype=torch.float64)
    )
    return torch.sinc((times - 0.5 * late) / factor) / factor * window * (times.abs() <= half)


def frame_matrix(samples: int, factor: float, taps: int, beta: float, padding: tuple[int, int], late: bool) -> Tensor:
    """The same filter for frames that fall between samples: (frame, sample)."""
    count = math.floor((samples + sum(padding) - taps) / factor + 1e-9) + 1
    middles = taps // 2 - padding[0] + factor * torch.arange(count, dtype=torch.float64)
    return windowed_sinc(torch.arange(samples) - middles[:, None], taps, beta, factor, late)


class Power(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, power: float, limit: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.power, ctx.limit = power, limit
        return x**power

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        return gradients[0] * (ctx.power * x ** (ctx.power - 1)).clamp(max=ctx.limit), None, None


class Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


FEATHER = {
    "rate": 20_000,
    "n": 50,
    "low": 50,
    "high": 10_000,
    "oversampling": 4,
    "frame_rate": 200,
    "slope_limit": 5.0,
}
KELL = {
    "rate": 16_000,
    "n": 50,
    "low": 20,
    "high": 8_000,
    "oversampling": 4,
    "frame_rate": 200,
    "taps": 1601,
    "padding": (800, 800),
    "slope_limit": 107.0,
}
MCDERMOTT = {
    "rate": 20_000,
    "n": 30,
    "low": 20,
    "high": 10_000,
    "oversampling": 1,
    "frame_rate": 400,
    "padding": (500, 500),
    "compress_first": True,
}
ORACLES: dict[str, dict[str, Any]] = {"feather2023": FEATHER, "kell2018": KELL, "mcdermott2011": MCDERMOTT}
