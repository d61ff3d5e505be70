"""Animated GIF, as Pillow reads it: whole frames in RGB."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from synthstim.errors import InputError
from synthstim.modalities.movie.levels import Levels, decoding, rate_of, require_room, require_several

_TRAILER = b";"


def read_gif(path: Path) -> tuple[Levels, float]:
    """The frames of a GIF, (time, y, x, 3), and how many are shown a second.

    Raises:
        InputError: it cannot be read or breaks off, has one frame, frames of unlike durations, see-through pixels, or too many values.
    """
    with decoding(path.name, "GIF"):
        data = path.read_bytes()
        if data.startswith(b"GIF8") and not data.rstrip(b"\0").endswith(_TRAILER):
            raise InputError(f"{path.name} breaks off: its end is missing", "copy it again", code="unreadable")
        with Image.open(path, formats=["GIF"]) as opened:
            return _frames_of(path.name, opened)


def _frames_of(name: str, opened: Image.Image) -> tuple[Levels, float]:
    count = int(getattr(opened, "n_frames", 1))
    require_several(name, count)
    width, height = opened.size
    require_room(name, count, 3, height, width)
    stored, lasting = np.empty((count, height, width, 3), np.uint8), []
    for at in range(count):
        opened.seek(at)
        frame = np.asarray(opened.convert("RGBA"))
        if frame[..., 3].min() < 255:
            raise InputError(f"{name} has see-through pixels; expected none", "put it on a background", code="mismatch")
        stored[at] = frame[..., :3]
        lasting.append(Fraction(int(opened.info.get("duration", 0)), 1000))
    return stored, rate_of(name, lasting)
