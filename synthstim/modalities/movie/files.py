"""Files of movies: written as animated PNG of 8 bits, lossless, which browsers and Pillow show; read from videos, too."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from synthstim.errors import InputError
from synthstim.modalities.base import Stimulus
from synthstim.modalities.movie.chunks import animated, delay_of, delays
from synthstim.modalities.movie.gifs import read_gif
from synthstim.modalities.movie.levels import Levels, decoding, rate_of, require_room, require_several
from synthstim.modalities.movie.videos import VIDEOS, read_video

_LEVELS = 255
_MODES = {"L": 1, "RGB": 3}


@dataclass(frozen=True)
class MovieFile:
    """What a file of a movie holds.

    Attributes:
        frames: (time, channel, y, x) float32, display values in [0, 1]; 1 channel for grey, 3 for RGB.
        rate_hz: frames a second.
    """

    frames: Stimulus
    rate_hz: float


def read_movie(path: str | Path) -> MovieFile:
    """Read a movie as display values: an animated PNG or GIF, or a video that ffmpeg reads (MP4, MOV, AVI, MKV, WebM).

    Frames are what the file holds: none is left out, shown twice, resized or turned into another rate. The colours of a video that is
    coded as brightness and colour differences are those that ffmpeg computes, by what the file says of their matrix and range.

    Args:
        path: of a file of 8 bits without transparency, whose frames are all shown for the same time; grey or RGB.

    Raises:
        InputError: it cannot be read or breaks off, has one frame, frames of unlike durations, interlaced, wide or see-through pixels,
            or too many values for memory; there is no ffmpeg.

    Example:
        >>> write_movie("noise.apng", np.random.default_rng(0).random((8, 1, 16, 16), np.float32), rate_hz=30)
        >>> read_movie("noise.apng").rate_hz
        30.0
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no movie at {path}", "check the path", code="missing")
    levels, rate_hz = _READERS.get(path.suffix.lower(), _read_png)(path)
    return MovieFile(values_of(levels), rate_hz)


def write_movie(path: str | Path, frames: Stimulus, *, rate_hz: float) -> None:
    """Write display values (time, channel, y, x) as an animated PNG, rounded to the nearest of 256 levels, never clipped.

    Args:
        path: of the file, ``*.apng``.
        frames: two or more, of 1 channel (grey) or 3 (RGB).
        rate_hz: frames a second.

    Raises:
        InputError: a value is NaN or outside [0, 1], there is one frame only, or no file holds the frame rate.

    Example:
        >>> frames = np.random.default_rng(0).random((12, 1, 32, 32), dtype=np.float32)
        >>> write_movie("noise.apng", frames, rate_hz=30)
        >>> read_movie("noise.apng").frames.shape
        (12, 1, 32, 32)
    """
    path, values = Path(path), np.asarray(frames)
    if values.ndim != 4 or len(values) < 2 or values.shape[1] not in (1, 3) or not values.size:
        raise InputError(
            f"{path.name} has shape {values.shape}; expected (time, channel, y, x), 2 frames or more, 1 or 3 channels",
            code="mismatch",
        )
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise InputError(f"{path.name} has values that are no display values; expected 0 to 1", "scale it first")
    delay = delay_of(rate_hz)
    if delay is None:
        raise InputError(f"{rate_hz:g} frames a second given; no file holds that", "give such as 30 or 59.94")
    levels = np.rint(values.astype(np.float64) * _LEVELS).astype(np.uint8)
    path.write_bytes(animated([_png(one) for one in levels], delay))


def _read_png(path: Path) -> tuple[Levels, float]:
    with decoding(path.name, "animated PNG"):
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=["PNG"]) as opened:
            frames = _frames_of(path.name, opened)
    return frames, rate_of(path.name, delays(data))


def _frames_of(name: str, opened: Image.Image) -> Levels:
    count = int(getattr(opened, "n_frames", 1))
    require_several(name, count)
    if opened.mode not in _MODES or opened.info.get("transparency") is not None:
        raise InputError(
            f"{name} is coded as {opened.mode}; expected grey or RGB of 8 bits, without transparency", "convert it"
        )
    width, height = opened.size
    require_room(name, count, _MODES[opened.mode], height, width)
    stored = np.empty((count, height, width, _MODES[opened.mode]), np.uint8)
    for at in range(count):
        opened.seek(at)
        stored[at] = np.asarray(opened).reshape(stored.shape[1:])
    return stored


def values_of(levels: Levels) -> Stimulus:
    """Levels (time, y, x, channel) as display values (time, channel, y, x)."""
    return np.ascontiguousarray(levels.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(_LEVELS)


def _png(levels: Levels) -> bytes:
    """One frame (channel, y, x) as a PNG file."""
    picture = Image.fromarray(levels[0] if len(levels) == 1 else np.ascontiguousarray(levels.transpose(1, 2, 0)))
    picture.save(stream := io.BytesIO(), "PNG")
    return stream.getvalue()


_READERS: dict[str, Callable[[Path], tuple[Levels, float]]] = {".gif": read_gif, **dict.fromkeys(VIDEOS, read_video)}
