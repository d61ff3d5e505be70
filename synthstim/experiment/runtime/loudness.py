"""How loud files are at the ear, at their loudest, and whether that is safe: asked at export, and before the first sound."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

# No file may raise the limit above this, which is damaging within a quarter of an hour or so (NIOSH: 100 dB(A) for 15 min).
CEILING_DB_SPL = 100.0
# The time constant "fast" of sound level meters.
WINDOW_S = 0.125


def loudest_dbfs(path: Path) -> float:
    """Root mean square of the loudest 125 ms of a file's louder channel, in dB re full scale; of silence -inf."""
    import numpy as np
    import soundfile

    samples, rate = soundfile.read(str(path), dtype="float64", always_2d=True)
    window = min(len(samples), max(1, round(WINDOW_S * rate)))
    if not window:
        return -math.inf
    summed = np.concatenate([np.zeros((1, samples.shape[1])), np.cumsum(samples**2, axis=0)])
    power = float((summed[window:] - summed[:-window]).max()) / window
    return 10 * math.log10(power) if power > 0 else -math.inf


def strictest(*said: Mapping[str, Any]) -> dict[str, float | None]:
    """Of what several files say of the rig's levels, the highest level at full scale and the lowest limit.

    So that editing one of them makes nothing louder, and taking the calibration out of one does not switch the limit off.
    """
    levels = [float(one["full_scale_db_spl"]) for one in said if one.get("full_scale_db_spl") is not None]
    limits = [float(one["safe_limit_db_spl"]) for one in said if one.get("safe_limit_db_spl") is not None]
    return {"full_scale_db_spl": max(levels, default=None), "safe_limit_db_spl": min([*limits, CEILING_DB_SPL])}


def too_loud(directory: Path, files: Iterable[str], sound: Mapping[str, Any]) -> str | None:
    """The first file that is louder than the safe limit, in a sentence; None where all are safe, or nothing was measured.

    Args:
        files: relative to it.
        sound: ``full_scale_db_spl``, the level at the ear of an RMS of full scale, None where it was not measured; ``safe_limit_db_spl``.
    """
    full_scale = sound.get("full_scale_db_spl")
    if full_scale is None:
        return None
    limit = min(float(sound.get("safe_limit_db_spl", CEILING_DB_SPL)), CEILING_DB_SPL)
    for file in files:
        level = full_scale + loudest_dbfs(directory / file)
        # A hundredth of a dB for the rounding of the files.
        if level > limit + 0.01:
            return f"{file} reaches {level:.1f} dB SPL at the ear; expected at most {limit:g}, the safe limit"
    return None
