"""Half-cosine filters spaced evenly on the ERB scale: the ear's filter bank as cochleagrams and sound textures have it.

McDermott & Simoncelli 2011 (doi:10.1016/j.neuron.2011.06.032); the ERB scale is Glasberg & Moore 1990.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthstim.errors import InputError

Array = NDArray[np.float64]
# Glasberg & Moore's ear quality and least bandwidth (Hz).
_QUALITY, _LEAST = 9.265, 24.7


def hz_to_erb(hz: Array | float) -> Array:
    """Return the ERB number of frequencies in Hz.

    >>> float(hz_to_erb(0.0))
    0.0
    """
    return _QUALITY * np.log1p(np.asarray(hz, np.float64) / (_LEAST * _QUALITY))


def erb_to_hz(erb: Array | float) -> Array:
    """Return the frequency in Hz of ERB numbers."""
    return _LEAST * _QUALITY * np.expm1(np.asarray(erb, np.float64) / _QUALITY)


@dataclass(frozen=True)
class ErbBands:
    """Which bands: ``n`` filters would tile ``low`` to ``high`` Hz; ``oversampling`` times as many overlap there.

    There are ``oversampling * (n + 1) - 1`` bands; ``lowpass`` and ``highpass`` add ``oversampling`` filters each, below
    and above them, with which the squared responses sum to 1 at every frequency.

    >>> ErbBands().channels
    211
    """

    n: int = 50
    low: float = 50.0
    high: float = 10_000.0
    oversampling: int = 4
    lowpass: bool = True
    highpass: bool = True

    def __post_init__(self) -> None:
        if self.n < 1 or self.oversampling < 1:
            raise InputError(
                f"n is {self.n} and oversampling {self.oversampling}; give whole numbers of 1 or more for both"
            )
        if not 0 <= self.low < self.high < np.inf:
            raise InputError(f"the bands go from {self.low:g} to {self.high:g} Hz; give limits with 0 <= low < high")

    @property
    def channels(self) -> int:
        """Filters in all."""
        return self.oversampling * (self.n + 1) - 1 + self.oversampling * (self.lowpass + self.highpass)

    @property
    def spacing(self) -> float:
        """Distance of neighbouring bands, in ERB numbers; a band reaches ``oversampling`` spacings to either side."""
        return float(hz_to_erb(self.high) - hz_to_erb(self.low)) / (self.oversampling * (self.n + 1))

    @property
    def centres(self) -> Array:
        """Centres of the bands without the low- and high-pass filters, in ERB numbers, low to high."""
        steps = np.arange(1, self.oversampling * (self.n + 1))
        return hz_to_erb(self.low) + steps * self.spacing

    @property
    def centre_frequencies(self) -> Array:
        """Centres of all channels in Hz, low to high.

        A low- or high-pass filter is put a band's half-width beyond its band, as published, below 0 Hz at 1 Hz.
        """
        reach, bands = self.oversampling * self.spacing, self.centres
        low = bands[: self.oversampling] - reach if self.lowpass else bands[:0]
        high = bands[-self.oversampling :] + reach if self.highpass else bands[:0]
        hz = erb_to_hz(np.concatenate([low, bands, high]))
        return np.where(hz < 0, 1.0, hz)


@dataclass(frozen=True, eq=False)
class FilterBank:
    """The filters at the frequencies of a sound's discrete Fourier transform, each on its own support.

    Channel ``c`` is ``values[c]`` (real, 0 to 1) at the bins ``starts[c]``, ``starts[c] + 1``, ... of ``rfft``, and 0
    at all others.
    """

    bands: ErbBands
    samples: int
    rate: float
    starts: tuple[int, ...]
    values: tuple[Array, ...]

    @property
    def bins(self) -> int:
        """Bins of the transform of a real sound."""
        return self.samples // 2 + 1

    @cached_property
    def responses(self) -> Tensor:
        """All filters in full, float32 (channel, bin): mostly zeros, and large for long sounds."""
        full = torch.zeros(len(self.starts), self.bins)
        for row, start, values in zip(full, self.starts, self.values, strict=True):
            row[start : start + len(values)] = torch.from_numpy(values)
        return full

    @cached_property
    def one_sided(self) -> Tensor:
        """Weights that turn a real sound's spectrum into its analytic signal's, float32 (bin,): 2, at DC and Nyquist 1."""
        weights = torch.full((self.bins,), 2.0)
        weights[0] = 1.0
        if self.samples % 2 == 0:
            weights[-1] = 1.0
        return weights


def filter_bank(bands: ErbBands, *, samples: int, rate: float) -> FilterBank:
    """Return the filters of ``bands`` for sounds of ``samples`` samples at ``rate`` Hz.

    The order is low-pass filters, bands, high-pass filters, each low to high. Raises InputError for a limit above
    half the rate, or for a sound too short to have a frequency in each band.

    >>> bank = filter_bank(ErbBands(), samples=2000, rate=20_000)
    >>> bool(((bank.responses**2).sum(0) - 1).abs().max() < 1e-6)
    True
    """
    if bands.high > rate / 2:
        raise InputError(
            f"the bands go up to {bands.high:g} Hz and a sound at {rate:g} Hz to {rate / 2:g} Hz; "
            "lower the limit or give the sound at a higher rate"
        )
    erb = hz_to_erb(np.arange(samples // 2 + 1, dtype=np.float64) * (rate / samples))
    centres, spread, gain = bands.centres, bands.oversampling * bands.spacing, bands.oversampling**-0.5
    supports: list[tuple[int, Array]] = []
    if bands.lowpass:
        for centre in centres[: bands.oversampling]:
            below = erb[: np.searchsorted(erb, centre, side="left")]
            supports.append((0, _complement(below, centre, spread)))
    for centre in centres:
        first = int(np.searchsorted(erb, centre - spread, side="right"))
        last = int(np.searchsorted(erb, centre + spread, side="left"))
        supports.append((first, _half_cosine(erb[first:last], centre, spread)))
    if bands.highpass:
        for centre in centres[-bands.oversampling :]:
            first = int(np.searchsorted(erb, centre, side="right"))
            supports.append((first, _complement(erb[first:], centre, spread)))
    if empty := sum(not len(values) for _, values in supports):
        raise InputError(
            f"{samples} samples at {rate:g} Hz resolve {rate / samples:g} Hz, and {empty} of {len(supports)} bands "
            "are narrower; give a longer sound or fewer, higher or wider bands"
        )
    return FilterBank(
        bands, samples, rate, tuple(first for first, _ in supports), tuple(gain * values for _, values in supports)
    )


def _half_cosine(erb: Array, centre: float, spread: float) -> Array:
    """Half a period of a cosine, 1 at ``centre`` and 0 at ``spread`` from it and beyond."""
    return np.cos(np.clip((erb - centre) / spread, -1, 1) * (np.pi / 2))


def _complement(erb: Array, centre: float, spread: float) -> Array:
    """What a band leaves: with it, squared responses sum to 1."""
    return np.sqrt(1 - _half_cosine(erb, centre, spread) ** 2)
