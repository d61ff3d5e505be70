"""Classes of sound-texture statistics (McDermott & Simoncelli 2011), each a module that puts out one tensor.

They are averages over time of compressed envelopes, under weights that sum to 1. Definitions are those of the
published toolbox, down to which averages are weighted. Where a denominator could vanish it is held above a floor, so
that silence gives 0 and gradients stay bounded; above the floors the definitions are exact.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Envelopes are amplitudes to the power 0.3: this one is -133 dB re full scale, below what single precision resolves.
QUIET = 0.01
# Standard deviation to mean under which an envelope counts as steady. The toolbox then puts the values of pink noise in
# place of skewness, kurtosis and modulation power; here they fade to 0 instead, without a jump.
STEADY = 0.02
# For correlations: under these shares of the mean, the envelope, or one modulation band of it, does not vary.
STILL, STILL_BAND = 1e-3, 1e-4


class Weighted(nn.Module):
    """A statistic averaged over frames with given weights (frame,) that sum to 1."""

    weights: Tensor

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.register_buffer("weights", weights)

    def average(self, values: Tensor) -> Tensor:
        """Weighted average over the last axis."""
        return values @ self.weights


class SubbandVariance(nn.Module):
    """Variance of each band of the waveform, not weighted in time, from its power spectrum by Parseval.

    Args:
        filters: (band, frequency) of a real FFT of ``samples`` samples.
    """

    power: Tensor

    def __init__(self, filters: Tensor, samples: int) -> None:
        super().__init__()
        twice = torch.full((filters.shape[1],), 2.0, dtype=filters.dtype)
        twice[0] = 0  # the mean is no variance
        if samples % 2 == 0:
            twice[-1] = 1
        self.register_buffer("power", filters.square() * twice / (samples * (samples - 1)))

    def forward(self, waveforms: Tensor) -> Tensor:
        """(batch, band) of waveforms (batch, time), full scale squared."""
        spectrum = torch.fft.rfft(waveforms)
        return (spectrum.real.square() + spectrum.imag.square()) @ self.power.mT


class EnvelopeMean(Weighted):
    """Mean of each envelope."""

    def forward(self, envelopes: Tensor) -> Tensor:
        """(batch, band) of envelopes (batch, band, frame)."""
        return self.average(envelopes)


class EnvelopeVariation(Weighted):
    """Standard deviation over mean: what the toolbox calls the variance, free of units."""

    def forward(self, centred: Tensor, mean: Tensor) -> Tensor:
        """(batch, band) of envelopes less their mean (batch, band, frame), and the mean (batch, band)."""
        level = mean.clamp_min(QUIET)
        variance = self.average(centred.square())
        return variance / variance.clamp_min((STILL * QUIET) ** 2).sqrt() / level


class EnvelopeMoment(Weighted):
    """Standardised moment of each envelope: 3 for skewness, 4 for kurtosis."""

    def __init__(self, weights: Tensor, order: int) -> None:
        super().__init__(weights)
        self.order = order

    def forward(self, centred: Tensor, mean: Tensor) -> Tensor:
        """(batch, band) of envelopes less their mean (batch, band, frame), and the mean (batch, band)."""
        variance = steady_variance(self.average(centred.square()), mean)
        # Divided before the power is taken: the fourth power of a faint envelope would leave single precision.
        return self.average((centred / variance.sqrt()[..., None]) ** self.order)


class EnvelopeCorrelation(Weighted):
    """Correlation of the envelopes of channels some offsets apart.

    Mean and standard deviation are plain, only the products are weighted, as published.

    Args:
        offsets: in channels; the output goes through them in turn, from the lowest channel up.
    """

    def __init__(self, weights: Tensor, channels: int, offsets: Sequence[int]) -> None:
        super().__init__(weights)
        self.lower, self.upper = channel_pairs(channels, offsets)

    def forward(self, envelopes: Tensor) -> Tensor:
        """(batch, pair) of envelopes (batch, band, frame)."""
        mean = envelopes.mean(-1, keepdim=True)
        centred = envelopes - mean
        floor = STILL * mean.clamp_min(QUIET)
        scaled = centred / centred.square().mean(-1, keepdim=True).clamp_min(floor.square()).sqrt()
        return ((scaled * self.weights) @ scaled.mT)[:, self.lower, self.upper]


class ModulationPower(Weighted):
    """Power in each modulation band of an envelope, over the envelope's variance.

    Args:
        filters: (modulation band, frequency) of a real FFT of the frames.
    """

    filters: Tensor

    def __init__(self, weights: Tensor, filters: Tensor) -> None:
        super().__init__(weights)
        self.register_buffer("filters", filters)

    def forward(self, envelopes: Tensor, centred: Tensor, mean: Tensor) -> Tensor:
        """(batch, band x modulation band) of envelopes (batch, band, frame), the same less their mean, and the mean."""
        spectrum = torch.fft.rfft(envelopes)[..., None, :]
        bands = torch.fft.irfft(spectrum * self.filters, envelopes.shape[-1])
        power = self.average(bands.square())
        return (power / steady_variance(self.average(centred.square()), mean)[..., None]).flatten(1)


class AnalyticModulation(nn.Module):
    """Octave modulation bands of envelopes as analytic signals.

    Args:
        filters: (modulation band, frequency) of a real FFT of the frames.
    """

    filters: Tensor

    def __init__(self, filters: Tensor, frames: int) -> None:
        super().__init__()
        twice = torch.full((filters.shape[1],), 2.0, dtype=filters.dtype)
        twice[0] = 1
        if frames % 2 == 0:
            twice[-1] = 1
        self.register_buffer("filters", filters * twice)

    def forward(self, envelopes: Tensor) -> Tensor:
        """(batch, band, modulation band, frame, 2), real and imaginary part, of envelopes (batch, band, frame)."""
        frames = envelopes.shape[-1]
        spectrum = torch.fft.rfft(envelopes)[..., None, :] * self.filters
        return torch.view_as_real(torch.fft.ifft(spectrum, n=frames))


class ModulationCorrelationC1(Weighted):
    """Correlation between channels of one modulation band each ("C1"): all octave bands but the lowest.

    Args:
        offsets: in channels; the output goes through them in turn, then pairs from the lowest, then bands.
    """

    def __init__(self, weights: Tensor, channels: int, offsets: Sequence[int]) -> None:
        super().__init__(weights)
        self.lower, self.upper = channel_pairs(channels, offsets)

    def forward(self, modulation: Tensor, mean: Tensor) -> Tensor:
        """(batch, pair x modulation band) of analytic bands (batch, band, modulation band, frame, 2), and the means."""
        bands = modulation[:, :, 1:, :, 0].transpose(1, 2)
        bands = bands - bands.mean(-1, keepdim=True)
        floor = (STILL_BAND * mean.clamp_min(QUIET))[:, None, :, None]
        scaled = bands / bands.square().mean(-1, keepdim=True).clamp_min(floor.square()).sqrt()
        correlations = (scaled * self.weights) @ scaled.mT
        return correlations[:, :, self.lower, self.upper].transpose(1, 2).flatten(1)


class ModulationCorrelationC2(Weighted):
    """Phase relation between neighbouring modulation bands of one channel ("C2"), real and imaginary.

    The lower band's phase is doubled, its magnitude kept, and it is correlated with the next octave up.
    """

    def forward(self, modulation: Tensor, mean: Tensor) -> Tensor:
        """(batch, band x 6 x 2) of analytic bands (batch, band, modulation band, frame, 2), and the means."""
        real, imaginary = modulation.unbind(-1)
        low_real, low_imaginary = real[:, :, :-1], imaginary[:, :, :-1]
        # Real part of a^2 / |a|; the small constant only matters where the band itself is nothing.
        magnitude = (low_real.square() + low_imaginary.square() + 1e-20).sqrt()
        doubled = (low_real.square() - low_imaginary.square()) / magnitude
        floor = (STILL_BAND * mean.clamp_min(QUIET))[..., None].square()
        of_low = self.average(doubled.square()).clamp_min(floor).sqrt()
        of_high = self.average(real[:, :, 1:].square()).clamp_min(floor).sqrt()
        parts = [self.average(doubled * part[:, :, 1:]) / (of_low * of_high) for part in (real, imaginary)]
        return torch.stack(parts, -1).flatten(1)


def steady_variance(variance: Tensor, mean: Tensor) -> Tensor:
    """The variance (batch, band), no less than that of an envelope that counts as steady."""
    return variance.maximum((STEADY * mean.clamp_min(QUIET)).square())


def channel_pairs(channels: int, offsets: Sequence[int]) -> tuple[list[int], list[int]]:
    """Numbers of the lower and of the upper channel of all pairs these offsets apart."""
    pairs = [(low, low + offset) for offset in offsets for low in range(channels - offset)]
    return [low for low, _ in pairs], [high for _, high in pairs]
