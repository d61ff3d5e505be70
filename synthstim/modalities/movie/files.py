"""Files of movies: animated PNG of 8 bits, lossless; browsers and Pillow show it."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from synthstim.errors import InputError, said_by
from synthstim.modalities.base import Stimulus
from synthstim.modalities.movie.chunks import animated, delay_of, delays

# Values of one movie that are held in memory at 4 bytes each: 1 GiB.
MAX_VALUES = 2**28
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
    """Read an animated PNG of 8 bits as display values.

    Args:
        path: of a file whose frames are all shown for the same time; grey or RGB without transparency.

    Raises:
        InputError: it cannot be read, has one frame, frames of unlike durations, or too many values for memory.

    Example:
        >>> write_movie("noise.apng", np.random.default_rng(0).random((8, 1, 16, 16), np.float32), rate_hz=30)
        >>> read_movie("noise.apng").rate_hz
        30.0
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no movie at {path}", "check the path", code="missing")
    try:
        data = path.read_bytes()
        with Image.open(io.BytesIO(data), formats=["PNG"]) as opened:
            frames = _frames_of(path.name, opened)
    except InputError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        why = "it is no animated PNG" if isinstance(error, UnidentifiedImageError) else said_by(error)
        raise InputError(f"{path.name} cannot be read as a movie ({why})", code="unreadable") from None
    return MovieFile(frames, _rate_of(path.name, data))


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


def require_room(name: str, frames: int, channels: int, height: int, width: int) -> None:
    """Raise InputError, before anything is decoded, for a movie that is longer than memory."""
    values = math.prod((frames, channels, height, width))
    if values > MAX_VALUES:
        raise InputError(
            f"{name} has {frames:,} frames of {height} x {width}, which take {4 * values / 2**30:.1f} GiB of memory;"
            f" a movie may take {4 * MAX_VALUES / 2**30:.0f} GiB",
            "cut it, or make it smaller",
            code="too-large",
        )


def _frames_of(name: str, opened: Image.Image) -> Stimulus:
    count = int(getattr(opened, "n_frames", 1))
    if count < 2:
        raise InputError(
            f"{name} has one frame; expected two or more", "give an image to an observer of images", code="mismatch"
        )
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
    return values_of(stored)


def values_of(levels: NDArray[np.uint8]) -> Stimulus:
    """Levels (time, y, x, channel) as display values (time, channel, y, x)."""
    return np.ascontiguousarray(levels.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(_LEVELS)


def _rate_of(name: str, data: bytes) -> float:
    lasting = delays(data)
    if not lasting or len(set(lasting)) > 1 or not lasting[0]:
        told = ", ".join(f"{1000 * float(one):g}" for one in sorted(set(lasting)))
        raise InputError(
            f"{name} has frames of {told or 'no'} ms; expected one duration for all",
            "write it at one frame rate",
            code="mismatch",
        )
    return float(1 / lasting[0])


def _png(levels: NDArray[np.uint8]) -> bytes:
    """One frame (channel, y, x) as a PNG file."""
    picture = Image.fromarray(levels[0] if len(levels) == 1 else np.ascontiguousarray(levels.transpose(1, 2, 0)))
    picture.save(stream := io.BytesIO(), "PNG")
    return stream.getvalue()
