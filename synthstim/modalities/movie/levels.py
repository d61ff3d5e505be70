"""What files of movies share: how damage is told, two frames or more of one duration, and no more than memory takes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from synthstim.errors import InputError, said_by

# (time, y, x, channel), as files hold them.
Levels = NDArray[np.uint8]
# Values of one movie that are held in memory at 4 bytes each: 1 GiB.
MAX_VALUES = 2**28


@contextmanager
def decoding(name: str, kind: str) -> Iterator[None]:
    """Whatever Pillow raises of a damaged file is an InputError, as is a file of another kind."""
    try:
        yield
    except InputError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        why = f"it is no {kind}" if isinstance(error, UnidentifiedImageError) else said_by(error)
        raise InputError(f"{name} cannot be read as a movie ({why})", code="unreadable") from None


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


def require_several(name: str, frames: int) -> None:
    """Raise InputError for a movie of fewer than two frames."""
    if frames < 2:
        told = "one frame" if frames == 1 else "no frames"
        raise InputError(
            f"{name} has {told}; expected two or more", "give an image to an observer of images", code="mismatch"
        )


def rate_of(name: str, lasting: Sequence[Fraction]) -> float:
    """Frames a second, of the seconds that each is shown for.

    Raises:
        InputError: they differ, or are 0.
    """
    if not lasting or len(set(lasting)) > 1 or not lasting[0]:
        some = [f"{1000 * float(one):g}" for one in sorted(set(lasting))]
        told = ", ".join(some if len(some) < 5 else [*some[:2], "...", some[-1]])
        raise InputError(
            f"{name} has frames of {told or 'no'} ms; expected one duration for all",
            "write it at one frame rate",
            code="mismatch",
        )
    return float(1 / lasting[0])
