"""Sounds from one rate to another, and what is the same whoever resamples them.

Resamplers agree on the middle of a sound's band and of its time. Just below half the lower rate each cuts off in its own
way, and at the ends each continues the sound in its own way. A sound that is to be heard at a lower rate than it is
played at therefore holds nothing there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synthstim.errors import InputError

MIN_RATE, MAX_RATE = 1_000, 400_000
# Shares of half the lower rate: soxr and librosa pass 0.92 whole and half of the amplitude at 0.95.
PASSED, HIGHEST = 0.92, 0.95
# At the ends of a sound, in seconds; less than a quarter of a short one.
FADE_S = 0.005


def resample(waveforms: Tensor, rate: int, to: int) -> Tensor:
    """Resample waveforms (..., time) by their spectra; differentiable, and exact for what both rates can hold.

    The number of samples must stay whole. Raising the rate and lowering it again gives the waveforms back.

    Raises:
        InputError: the duration is not a whole number of samples at the new rate.
    """
    samples = waveforms.shape[-1]
    if rate == to:
        return waveforms
    if samples * to % rate:
        raise InputError(f"{samples} samples at {rate} Hz are not a whole number at {to} Hz", "choose another duration")
    wanted = samples * to // rate
    spectrum = torch.fft.rfft(waveforms)
    bins = min(samples, wanted) // 2 + 1
    kept = spectrum[..., :bins]
    if min(samples, wanted) % 2 == 0:
        # The lower rate's Nyquist frequency is one bin there and two here; its phase cannot be kept.
        kept = torch.cat([kept[..., :-1], torch.zeros_like(kept[..., -1:])], -1)
    return torch.fft.irfft(kept, n=wanted) * (wanted / samples)


def raise_rate(waveforms: Tensor, heard: int, rate: int) -> Tensor:
    """Waveforms (..., time) at the rate that a network hears -> at the rate played; differentiable.

    Where the rates differ, the band ends at ``highest_hz`` and the ends are faded over 5 ms, so that it does not matter
    who lowers the rate again. Where they are the same, nothing need be resampled and nothing is taken out.

    Raises:
        InputError: the duration is not a whole number of samples at the rate played.
    """
    if rate == heard:
        return waveforms
    count = waveforms.shape[-1]
    share = torch.fft.rfftfreq(count, 0.5, dtype=torch.float64, device=waveforms.device)
    gain = _rise((HIGHEST - share) / (HIGHEST - PASSED)).to(waveforms.dtype)
    limited = torch.fft.irfft(torch.fft.rfft(waveforms) * gain, n=count)
    raised = resample(limited, heard, rate)
    length = max(1, min(round(FADE_S * rate), raised.shape[-1] // 4))
    steps = torch.arange(raised.shape[-1], dtype=torch.float64, device=waveforms.device)
    fade = _rise(torch.minimum(steps, steps.flip(0)) / length)
    return raised * fade.to(waveforms.dtype)


def highest_hz(heard: int, rate: int) -> float:
    """Where the band of a sound ends that is played at a rate and heard at another, in Hz.

    >>> highest_hz(16_000, 48_000), highest_hz(16_000, 16_000)
    (7600.0, 8000.0)
    """
    return heard / 2 if rate == heard else HIGHEST * heard / 2


def within_full_scale(waveforms: Tensor) -> Tensor:
    """Waveforms (..., time), each quieter as a whole where its peak would exceed full scale; nothing is cut."""
    return waveforms / waveforms.abs().amax(-1, keepdim=True).clamp_min(1)


def _rise(places: Tensor) -> Tensor:
    """A raised cosine from 0 at places up to 0, to 1 at places from 1."""
    return 0.5 - 0.5 * torch.cos(math.pi * places.clamp(0, 1))
