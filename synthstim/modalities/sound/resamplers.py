"""Resamplers of other programs: what a network hears of a sound where not this package lowers its rate."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from synthstim.errors import InputError, nearest
from synthstim.modalities.sound.resampling import resample
from synthstim.modalities.sound.waveforms import Waveform

Array = NDArray[np.float64]
# The one whose figure stands in the table of a set.
SECOND = "soxr"


def _soxr(quality: str) -> Callable[[Array, int, int], Array]:
    def lower(waveform: Array, rate: int, to: int) -> Array:
        import soxr

        lowered: Array = soxr.resample(waveform, rate, to, quality=quality)
        return lowered

    return lower


def _polyphase(waveform: Array, rate: int, to: int) -> Array:
    from scipy.signal import resample_poly

    common = math.gcd(rate, to)
    lowered: Array = resample_poly(waveform, to // common, rate // common)
    return lowered


# By name: waveform (time,), its rate and the wanted one in Hz. librosa's default is soxr, at this very setting.
RESAMPLERS: dict[str, Callable[[Array, int, int], Array]] = {
    SECOND: _soxr("HQ"),
    "soxr-vhq": _soxr("VHQ"),
    "scipy": _polyphase,
}


def heard_through(resampler: str, waveform: Waveform, rate: int, heard: int) -> Waveform:
    """A waveform (time,) as a network hears it after another program lowered its rate, at the rate it had.

    Args:
        resampler: one of ``RESAMPLERS``.
        rate: of the waveform, in Hz.
        heard: rate in Hz of the network.

    Raises:
        InputError: no resampler has this name.

    Example:
        >>> click = np.zeros(4800, np.float32)
        >>> heard_through("soxr", click, 48_000, 16_000).shape
        (4800,)
    """
    if resampler not in RESAMPLERS:
        raise InputError(f"no resampler is called {resampler!r}: {nearest(resampler, RESAMPLERS)}")
    if rate == heard:
        return waveform
    lowered = RESAMPLERS[resampler](waveform.astype(np.float64), rate, heard)
    # Raised by spectrum, which the observer's own resampling undoes exactly.
    return resample(torch.from_numpy(lowered), heard, rate).numpy().astype(np.float32)
