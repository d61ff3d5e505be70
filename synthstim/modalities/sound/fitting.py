"""Bringing a recording to the rate and the duration that are wanted."""

from __future__ import annotations

import numpy as np
import soxr
import torch

from synthstim.errors import InputError
from synthstim.modalities.sound.resampling import raise_rate
from synthstim.modalities.sound.waveforms import Waveform, level_of

FITS = ("crop", "pad", "exact")
# A recording quieter than this holds no sound to match.
SILENCE_DBFS = -90.0


def fit_sound(
    waveform: Waveform, rate: int, *, to: int, samples: int, heard: int | None = None, how: str = "crop", name: str = "the sound"
) -> Waveform:  # fmt: skip
    """Bring a sound to a rate and a number of samples.

    Args:
        waveform: (time,) at ``rate``.
        to: rate in Hz that is wanted.
        samples: at that rate.
        heard: rate in Hz of the model that will hear it: where it is lower than ``to``, what ``raise_rate`` takes out is
            taken out.
        how: ``crop`` (the middle of a longer sound; a shorter one is an error), ``pad`` (silence after a shorter
            sound, and ``crop`` for a longer one), ``exact``.

    Raises:
        InputError: the sound is too short, silent, or no sound of the wanted length.
    """
    if how not in FITS:
        raise InputError(f"fit {how!r} is unknown for a sound", f"choose one of {', '.join(FITS)}", code="unknown")
    lasts, wanted = len(waveform) / rate, samples / to
    if level_of(waveform).rms_dbfs < SILENCE_DBFS:
        raise InputError(f"{name} is silent", "give a sound")
    if how == "exact" and abs(lasts - wanted) > 0.5 / to:
        raise InputError(f"{name} lasts {lasts:.3f} s, fit 'exact' needs {wanted:.3f} s", "cut it or choose fit 'crop'")
    if how == "crop" and lasts < wanted - 0.5 / to:
        raise InputError(
            f"{name} lasts {lasts:.3f} s; expected {wanted:.3f} s",
            "choose a shorter duration, or fit 'pad' to add silence",
        )
    low = min(heard or to, to)
    # Through the lower rate with a filter that suits single sounds; up again by spectrum, as stimuli are rendered.
    wide = soxr.resample(waveform.astype(np.float64), rate, low, quality="VHQ") if rate != low else waveform.astype(np.float64)  # fmt: skip
    needed = samples * low // to
    start = max(0, (len(wide) - needed) // 2)
    cut = wide[start : start + needed]
    cut = np.pad(cut, (0, needed - len(cut)))
    out = raise_rate(torch.from_numpy(cut), low, to).numpy()
    if level_of(out).rms_dbfs < SILENCE_DBFS:
        raise InputError(f"the middle {wanted:.3f} s of {name} are silent", "cut out the part that you want")
    return out.astype(np.float32)
