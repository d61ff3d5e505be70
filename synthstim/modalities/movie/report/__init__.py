"""Movies of a set as data URIs: each plays in the browser, and a strip shows some of its frames."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from synthstim.errors import InputError
from synthstim.modalities.image.report import SHOWN_EDGE, THUMB_EDGE
from synthstim.modalities.movie import read_movie
from synthstim.report.media import BUDGET_BYTES
from synthstim.stimulus_set import StimulusSet

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


@dataclass
class ShownMovies:
    """Embeds a set's movies: the files' own bytes, or strips alone where all of them would make too large a page."""

    home: ClassVar[Path] = Path(__file__).parent
    stimuli: StimulusSet
    reduced: bool = False
    _known: dict[str, ShownMovie] = field(default_factory=dict)

    @classmethod
    def of(cls, stimuli: StimulusSet, files: set[str]) -> ShownMovies:
        """Choose between files and strips by the bytes that the files take together.

        Raises:
            InputError: a path leaves the set, passes a link, or has no file.
        """
        return cls(stimuli, reduced=sum(stimuli.path(file).stat().st_size for file in files) > BUDGET_BYTES)

    @property
    def previews(self) -> str:
        """What the page says where it does not hold the files themselves."""
        return "movies here are strips of a few frames; the files themselves are in the set" if self.reduced else ""

    def __getitem__(self, relative: str) -> ShownMovie:
        if relative not in self._known:
            self._known[relative] = _embed(self.stimuli.path(relative), relative, self.reduced)
        return self._known[relative]


def _embed(path: Path, relative: str, reduced: bool) -> ShownMovie:
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
        uri=strip if reduced else _uri("image/apng", path.read_bytes()),
        strip=strip,
        shown=strip_shown if reduced else _scaled(width, height, SHOWN_EDGE),
        thumb=_scaled(*strip_shown, THUMB_EDGE) if reduced else _scaled(width, height, THUMB_EDGE),
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
    return _uri("image/png", stream.getvalue()), picture.size


def _scaled(width: int, height: int, edge: int) -> tuple[int, int]:
    """A whole multiple of the file's size, or reduced."""
    scale = edge / max(width, height)
    scale = float(int(scale)) if scale >= 1 else scale
    return max(1, round(width * scale)), max(1, round(height * scale))


def _uri(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"


media_of = ShownMovies.of
