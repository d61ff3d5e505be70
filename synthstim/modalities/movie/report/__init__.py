"""Movies of a set as data URIs: each plays in the browser, and a strip shows some of its frames."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthstim.errors import InputError
from synthstim.modalities.image.report import SHOWN_EDGE, THUMB_EDGE
from synthstim.modalities.movie import read_movie
from synthstim.report.media import Embedded, data_uri, scaled

# Frames of a strip, evenly spaced from the first to the last, and their larger side in pixels.
MOST_FRAMES, STRIP_EDGE = 6, 64


@dataclass(frozen=True)
class ShownMovie:
    """One movie as the page shows it.

    Attributes:
        file: path relative to the set.
        uri: data URI of the movie; empty where it cannot be shown, and ``problem`` says why.
        strip: data URI of frames side by side.
        shown, thumb: (width, height) on the page, in CSS pixels.
        strip_shown: likewise of the strip.
        width, height: of a frame, in pixels.
        about: what is said of a reference.
    """

    depth: ClassVar[str] = "8-bit"
    file: str
    uri: str = ""
    strip: str = ""
    shown: tuple[int, int] = (SHOWN_EDGE, SHOWN_EDGE)
    thumb: tuple[int, int] = (THUMB_EDGE, THUMB_EDGE)
    strip_shown: tuple[int, int] = (SHOWN_EDGE, THUMB_EDGE)
    width: int = 0
    height: int = 0
    about: str = ""
    problem: str = ""


class ShownMovies(Embedded[ShownMovie]):
    """A set's movies: the files' own bytes, or strips alone."""

    home: ClassVar[Path] = Path(__file__).parent
    smaller = "movies here are strips of a few frames; the files themselves are in the set"

    def embed(self, path: Path, relative: str) -> ShownMovie:
        """One movie, or why it cannot be shown."""
        try:
            held = read_movie(path)
        except InputError as error:
            return ShownMovie(relative, problem=str(error))
        levels = np.rint(255 * held.frames.transpose(0, 2, 3, 1)).astype(np.uint8)
        count, height, width = levels.shape[:3]
        strip, strip_shown = _strip(levels)
        seconds = count / held.rate_hz
        return ShownMovie(
            relative,
            uri=strip if self.reduced else self.address("image/apng", path, relative),
            strip=strip,
            shown=strip_shown if self.reduced else scaled(width, height, SHOWN_EDGE),
            thumb=scaled(*strip_shown, THUMB_EDGE) if self.reduced else scaled(width, height, THUMB_EDGE),
            strip_shown=strip_shown,
            width=width,
            height=height,
            about=f"{count} frames of {width} × {height} pixels at {held.rate_hz:g} Hz ({seconds:.3g} s), as the observer saw it",
        )


def _strip(levels: NDArray[np.uint8]) -> tuple[str, tuple[int, int]]:
    """Frames (time, y, x, channel) side by side: a data URI, and (width, height)."""
    chosen = np.unique(np.linspace(0, len(levels) - 1, MOST_FRAMES).round().astype(int))
    side = np.concatenate([levels[at] for at in chosen], axis=1)
    picture = Image.fromarray(side[..., 0] if side.shape[2] == 1 else side)
    shrink = min(1.0, STRIP_EDGE / max(levels.shape[1:3]))
    picture = picture.resize((max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))))
    picture.save(stream := io.BytesIO(), "PNG")
    return data_uri("image/png", stream.getvalue()), picture.size


media_of = ShownMovies.of
