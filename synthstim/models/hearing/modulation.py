"""Filters on envelopes: bands of modulation, and the window under which statistics are averaged.

All are laid on the frequencies of a real FFT, so that an envelope is filtered by a product and periodically.
"""

from __future__ import annotations

import torch
from torch import Tensor

Q_BANDS = 20
# Hz: centres of the bands of constant width; those an octave apart stay above the second lowest, without the highest.
LOW, OCTAVES_ABOVE, HIGH = 0.5, 1.0, 200.0


def constant_q_bands(frames: int, rate: float) -> Tensor:
    """Modulation filters of constant width to centre (Q = 2), as McDermott & Simoncelli (2011) measure power with.

    Each is half a cosine over frequency, from half its centre to one and a half times; centres are spaced evenly in
    octaves. They are scaled so that their squares sum to 1 on average between the fourth centre and the fourth from
    the top.

    Args:
        frames: of the envelope; a band that holds no multiple of ``rate / frames`` is empty and measures 0.
        rate: frames a second, Hz.

    Returns:
        (band, frequency), frequencies as ``torch.fft.rfftfreq`` gives them, double precision.
    """
    quality = 2
    frequencies = torch.fft.rfftfreq(frames, 1 / rate, dtype=torch.float64)
    centres = LOW * (HIGH / LOW) ** torch.linspace(0, 1, Q_BANDS, dtype=torch.float64)
    from_centre = (frequencies - centres[:, None]) / (2 * centres[:, None] / quality)
    filters = torch.where(from_centre.abs() < 0.5, torch.cos(torch.pi * from_centre), 0.0)
    inner = (frequencies >= centres[3]) & (frequencies <= centres[-4])
    return filters / filters.square().sum(0)[inner].mean().sqrt()


def octave_centres() -> list[float]:
    """Centres of the octave bands in Hz, ascending."""
    centres = []
    centre = HIGH / 2
    while centre > OCTAVES_ABOVE:
        centres.append(centre)
        centre /= 2
    return centres[::-1]


def octave_bands(frames: int, rate: float) -> Tensor:
    """Modulation filters an octave apart, for correlations between and within channels.

    Each is half a cosine over octaves, from half its centre to twice; the squares of neighbours sum to 1.

    Args:
        frames, rate: as in ``constant_q_bands``.

    Returns:
        (band, frequency), double precision.

    Example:
        >>> octave_centres()
        [1.5625, 3.125, 6.25, 12.5, 25.0, 50.0, 100.0]
        >>> octave_bands(800, 400.0).shape
        torch.Size([7, 401])
    """
    frequencies = torch.fft.rfftfreq(frames, 1 / rate, dtype=torch.float64)
    centres = torch.tensor(octave_centres(), dtype=torch.float64)
    octaves = torch.log2(frequencies / centres[:, None])
    return torch.where(octaves.abs() < 1, torch.cos(torch.pi / 2 * octaves), 0.0)


def measurement_window(frames: int, *, seconds: int) -> Tensor:
    """The published weights of frames, (frame,), summing to 1: a fade at each end, flat in between.

    They are the sum of one-second raised cosines, half overlapped, without the two that would start before the sound
    and end after it; so each fade lasts ``frames // (seconds + 1)``, and the few frames left over weigh nothing.

    Args:
        seconds: the sound lasts, rounded, at least 1.
    """
    ramp = frames // (seconds + 1)
    whole = (seconds + 1) * ramp
    return torch.cat([faded_window(whole, ramp=ramp), torch.zeros(frames - whole, dtype=torch.float64)])


def faded_window(frames: int, *, ramp: int, margin: int = 0) -> Tensor:
    """Weights of frames, (frame,), summing to 1: nothing for ``margin`` frames at both ends, then raised cosines."""
    weights = torch.ones(frames, dtype=torch.float64)
    rise = 0.5 - 0.5 * torch.cos(torch.pi * torch.arange(1, ramp + 1, dtype=torch.float64) / max(ramp, 1))
    edge = torch.cat([torch.zeros(margin, dtype=torch.float64), rise])
    weights[: len(edge)] = edge
    weights[frames - len(edge) :] = torch.cat([1 - rise, torch.zeros(margin, dtype=torch.float64)])
    return weights / weights.sum()
