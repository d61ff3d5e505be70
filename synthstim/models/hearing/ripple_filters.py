"""Spectrotemporal modulation filters: each tuned to ripples of one rate, scale and direction on a cochleagram.

Chi, Ru & Shamma 2005 (doi:10.1121/1.1945807), in the form of Norman-Haignere & McDermott 2018
(doi:10.1371/journal.pbio.2005127) and Feather et al. 2023 (doi:10.1038/s41593-023-01442-0): a gammatone in time by the
second derivative of a Gaussian in frequency, of whose spectrum a direction of sweep keeps two quadrants.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synthstim.errors import InputError

Tuning = tuple[float | None, float | None]


@dataclass(frozen=True, kw_only=True)
class Modulations:
    """Which filters there are, and the grid on which they are laid.

    Attributes:
        rates: temporal modulations in Hz, without sign; 0 passes only what is constant in time.
        scales: spectral modulations in cycles per unit of frequency (ERB or octave); 0 passes only what is constant.
        frame_rate: of the cochleagrams, in Hz.
        density: of their channels, in a unit of frequency.
        room: (units of frequency, seconds) by which cochleagrams are continued, so that their ends do not meet.
        separate: whether filters of time alone and of frequency alone are added, as Norman-Haignere & McDermott have.
        highpass: whether the highest rate and scale pass all that is faster and finer, as Feather et al. have.
        short: whether impulse responses last as long as the sound and have no mean, as theirs (the slowest are cut off
            by that); the room is then at least twice the sound. Else they last as long as the continued sound.
        gain: what cochleagrams are multiplied by first.
        mean_around: whether cochleagrams are continued by their mean, not by 0.
    """

    rates: tuple[float, ...]
    scales: tuple[float, ...]
    frame_rate: float
    density: float
    room: tuple[float, float]
    separate: bool = False
    highpass: bool = False
    short: bool = False
    gain: float = 1.0
    mean_around: bool = False

    @property
    def tunings(self) -> list[Tuning]:
        """(rate, scale) of each filter; negative rates sweep upwards, None marks a filter of the other axis alone."""
        up: list[Tuning] = [(-rate if rate and scale else rate, scale) for scale in self.scales for rate in self.rates]
        down: list[Tuning] = [(rate, scale) for scale in self.scales if scale for rate in self.rates if rate]
        alone: list[Tuning] = [
            *((rate, None) for rate in self.rates if rate),
            *((None, scale) for scale in self.scales),
        ]
        return [*up, *down, *(alone if self.separate else [])]


class RippleFilters(nn.Module):
    """A cochleagram (batch, channel, frame) -> the real responses of all filters (batch, filter, channel, frame).

    ``tunings`` says which filter is which, as ``Modulations.tunings``.

    Raises:
        InputError: a rate or scale lies above what the cochleagrams can hold.

    Example:
        >>> few = Modulations(rates=(2, 8), scales=(0.5,), frame_rate=100, density=6, room=(10, 1))
        >>> filters = RippleFilters(40, 100, few)
        >>> filters.tunings
        [(-2, 0.5), (-8, 0.5), (2, 0.5), (8, 0.5)]
        >>> filters(torch.zeros(1, 40, 100)).shape
        torch.Size([1, 4, 40, 100])
    """

    temporal: Tensor
    spectral: Tensor
    quadrants: Tensor

    def __init__(self, channels: int, frames: int, modulations: Modulations) -> None:
        super().__init__()
        for name, values, most in (
            ("rate", modulations.rates, modulations.frame_rate / 2),
            ("scale", modulations.scales, modulations.density / 2),
        ):
            if not values or min(values) < 0 or max(values) > most:
                raise InputError(f"modulation {name}s {values} given", f"give some between 0 and {most:g}")
        self.channels, self.frames, self.modulations = channels, frames, modulations
        self.tunings = modulations.tunings
        room = round(modulations.room[1] * modulations.frame_rate)
        columns = frames + (max(room, 2 * frames) if modulations.short else room)
        self.grid = (channels + round(modulations.room[0] * modulations.density), columns)
        taps = (columns - frames) // 2 if modulations.short else columns
        # Real and imaginary parts apart, because a module that is moved to another dtype loses imaginary parts.
        temporal = [_temporal(rate, taps, columns, modulations) for rate in modulations.rates]
        self.register_buffer("temporal", torch.view_as_real(torch.stack(temporal)).float(), persistent=False)
        spectral = [_spectral(scale, self.grid[0], modulations) for scale in modulations.scales]
        self.register_buffer("spectral", torch.stack(spectral).float(), persistent=False)
        self.register_buffer("quadrants", _quadrants(*self.grid).float(), persistent=False)

    def forward(self, cochleagrams: Tensor) -> Tensor:
        """Return the responses, where the cochleagrams are."""
        rows, columns = self.grid
        given = self.modulations.gain * cochleagrams
        around = given.mean((1, 2), keepdim=True) if self.modulations.mean_around else given.new_zeros(1, 1, 1)
        spectra = torch.fft.fft(torch.fft.rfft(given - around, n=columns), n=rows, dim=1)
        temporal = torch.view_as_complex(self.temporal)
        scaled: dict[tuple[float | None, int], Tensor] = {}
        responses = []
        for rate, scale in self.tunings:
            by_time = None if rate is None else temporal[self.modulations.rates.index(abs(rate))]
            by_frequency = None if scale is None else self.spectral[self.modulations.scales.index(scale)]
            sign = (rate > 0) - (rate < 0) if rate and scale else 0
            if (scale, sign) not in scaled:
                scaled[scale, sign] = self._scaled(spectra, by_frequency, sign)
            filtered = scaled[scale, sign] if by_time is None else scaled[scale, sign] * by_time
            constant = (1.0 if by_time is None else by_time[0].real) * (
                1.0 if by_frequency is None else by_frequency[0]
            )
            responses.append(torch.fft.irfft(filtered, n=columns)[..., : self.frames] + constant * around)
        return torch.stack(responses, 1)

    def _scaled(self, spectra: Tensor, by_frequency: Tensor | None, sign: int) -> Tensor:
        """Spectra (batch, row, column) filtered along frequency and for direction; back in channels, not yet in time."""
        if sign:
            spectra = spectra * self.quadrants[0 if sign < 0 else 1]
        if by_frequency is not None:
            spectra = spectra * by_frequency[:, None]
        return torch.fft.ifft(spectra, dim=1)[:, : self.channels]


def _temporal(rate: float, taps: int, columns: int, modulations: Modulations) -> Tensor:
    """Response (frequency,) of a rate's gammatone at the frequencies of ``rfft``, at most 1; double precision."""
    if rate == 0:
        return nn.functional.one_hot(torch.tensor(0), columns // 2 + 1).to(torch.complex128)
    cycles = torch.arange(taps, dtype=torch.float64) * (rate / modulations.frame_rate)
    impulse = torch.sin(2 * torch.pi * cycles) * cycles**2 * torch.exp(-3.5 * cycles)
    if modulations.short:
        impulse = impulse - impulse.mean()
    response = torch.fft.rfft(impulse, n=columns)
    size = response.abs() / response.abs().max()
    if modulations.highpass and rate == max(modulations.rates):
        size[int(size.argmax()) :] = 1
    return torch.polar(size, response.angle())


def _spectral(scale: float, rows: int, modulations: Modulations) -> Tensor:
    """Response (frequency,) of a scale's filter at the frequencies of ``fft``: real, even, at most 1; double precision."""
    frequencies = torch.fft.fftfreq(rows, 1 / modulations.density, dtype=torch.float64).abs()
    if scale == 0:
        return (frequencies == 0).double()
    ratio = (frequencies / scale) ** 2
    response = ratio * torch.exp(-ratio)
    response = response / response.max()
    if modulations.highpass and scale == max(modulations.scales):
        response[frequencies >= frequencies[response.argmax()]] = 1
    return response


def _quadrants(rows: int, columns: int) -> Tensor:
    """What sweeps upwards and downwards, (2, row, column), of a spectrum over frequency and, one-sided, time.

    A ripple that falls has temporal and spectral frequencies of one sign. Constants, and the highest frequency of an
    even number, have no sign and belong to both directions.
    """
    sign = torch.sign(torch.fft.fftfreq(rows, dtype=torch.float64))
    if rows % 2 == 0:
        sign[rows // 2] = 0
    moving = torch.ones(columns // 2 + 1, dtype=torch.bool)
    moving[0] = False
    if columns % 2 == 0:
        moving[-1] = False
    kept = [~((sign == opposite)[:, None] & moving) for opposite in (1, -1)]
    return torch.stack(kept).double()
