"""Waveforms as arrays: float32, (time,), full scale [-1, 1]; their levels, and whether they are cut."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from synthstim.errors import InputError

Waveform = NDArray[np.float32]
# Fewer equal samples, or a fall of fewer steps beside them, come about by chance.
_FLAT, _CORNER = 3, 4


@dataclass(frozen=True)
class SoundLevel:
    """Root mean square and peak of a waveform, in dB relative to full scale (a square wave at full scale has 0 dB)."""

    rms_dbfs: float
    peak_dbfs: float


def as_sound(values: object, name: str = "the sound") -> Waveform:
    """Return values as a (time,) float32 waveform after checking shape, range and NaN; nothing is clipped.

    Raises:
        InputError: the values are no waveform in [-1, 1].
    """
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim != 1 or not array.size:
        raise InputError(f"{name} has shape {tuple(array.shape)}; expected (time,), a mono sound that is not empty")
    if array.dtype.kind != "f":
        raise InputError(f"{name} holds {array.dtype}; expected full scale, floats from -1 to 1")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds {int((~np.isfinite(array)).sum())} samples that are NaN or infinite")
    peak = float(np.abs(array).max())
    if peak > 1:
        raise InputError(
            f"{name} would clip: its peak is {20 * math.log10(peak):.1f} dB beyond full scale, "
            f"a gain of {gain_that_fits(peak):.1f} dB would fit",
            code="too-large",
        )
    return array.astype(np.float32)


def gain_that_fits(peak: float) -> float:
    """The gain in dB, to a tenth and negative, after which a peak is within full scale.

    >>> gain_that_fits(2.0)
    -6.1
    """
    return -math.ceil(200 * math.log10(peak)) / 10


def level_of(waveform: Waveform) -> SoundLevel:
    """RMS and peak of a waveform in dB relative to full scale; silence has -inf.

    >>> level_of(np.full(4, 0.1, np.float32))
    SoundLevel(rms_dbfs=-20.0, peak_dbfs=-20.0)
    """
    values = waveform.astype(np.float64)
    rms, peak = math.sqrt(float((values**2).mean())), float(np.abs(values).max())
    return SoundLevel(*(round(20 * math.log10(value), 5) if value > 0 else -math.inf for value in (rms, peak)))


def peak_run(waveform: Waveform, step: float) -> int:
    """Samples in a row that hold a sound's peak because something cut it there; 0 for a sound that is not cut.

    A smooth top may round to one value for ``n`` samples and falls by ``(1 + 2 / n) ** 2`` steps to the next one; where
    a sound is cut there is a corner.

    Args:
        waveform: (time,) at full scale.
        step: between neighbouring values of its file.

    Example:
        >>> tone = 0.5 * np.sin(np.arange(4800, dtype=np.float32) / 8)
        >>> peak_run(tone, 2**-23), peak_run(tone.clip(-0.4, 0.4), 2**-23)
        (0, 11)
    """
    size = np.abs(waveform.astype(np.float64))
    top = size >= size.max(initial=0) - step / 2
    bounds = np.flatnonzero(np.diff(np.concatenate([[False], top, [False]])))
    first, last = bounds[::2], bounds[1::2] - 1
    around = np.pad(size, 1)
    corner = size.max(initial=0) - np.maximum(around[first], around[last + 2]) > _CORNER * step
    runs = (last - first + 1)[corner]
    return int(runs[runs >= _FLAT].max(initial=0))


def at_level(waveform: Waveform, rms_dbfs: float, name: str = "the sound") -> Waveform:
    """A waveform without its mean, scaled to a root mean square in dB relative to full scale.

    Raises:
        InputError: its peaks would clip there.

    Example:
        >>> tone = at_level(np.sin(np.arange(48_000) / 10), -26)
        >>> round(float(20 * np.log10(np.sqrt(np.mean(tone**2)))), 3)
        -26.0
    """
    values = waveform.astype(np.float64) - waveform.mean(dtype=np.float64)
    values *= 10 ** (rms_dbfs / 20) / math.sqrt(float((values**2).mean()))
    peak = float(np.abs(values).max())
    if peak > 1:
        fits = rms_dbfs + gain_that_fits(peak)
        raise InputError(
            f"{name} at {rms_dbfs:g} dBFS would clip: its peak is {20 * math.log10(peak):.1f} dB beyond full scale, "
            f"level_dbfs {fits:.1f} would fit",
            code="too-large",
        )
    return values.astype(np.float32)
