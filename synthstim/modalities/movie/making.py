"""Movies of pictures: the frames of a folder, or one photograph that is moved."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from synthstim.errors import InputError
from synthstim.modalities.base import Stimulus
from synthstim.modalities.image.arrays import FloatImage
from synthstim.modalities.image.reading import SUFFIXES, read_image
from synthstim.modalities.movie.levels import require_room


def movie_of_frames(folder: str | Path) -> Stimulus:
    """The pictures of a folder, in the order of their names, as frames.

    Returns:
        (time, channel, y, x) display values, for ``write_movie``.

    Raises:
        InputError: there are fewer than two pictures, one cannot be read, they differ in size, or they are longer than memory.

    Example:
        >>> from synthstim.modalities.image import write_png
        >>> Path("frames").mkdir()
        >>> for number in range(3):
        ...     write_png(f"frames/{number}.png", np.full((1, 8, 8), number / 4, np.float32))
        >>> movie_of_frames("frames").shape
        (3, 1, 8, 8)
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if len(paths) < 2:
        raise InputError(
            f"{folder} has {len(paths)} pictures; expected two or more frames", "check the folder", code="too-few"
        )
    first = read_image(paths[0])
    require_room(folder.name, len(paths), *first.shape)
    frames = np.empty((len(paths), *first.shape), np.float32)
    for at, path in enumerate(paths):
        frame = read_image(path)
        if frame.shape != first.shape:
            sides = [" x ".join(map(str, one.shape)) for one in (first, frame)]
            raise InputError(
                f"{paths[0].name} is {sides[0]}, {path.name} {sides[1]} (channel, y, x); the frames of a movie have one size",
                "resize or crop them",
                code="mismatch",
            )
        frames[at] = frame
    return frames


def moved(
    image: FloatImage, size: tuple[int, int], frames: int, *, step: tuple[float, float] = (0.0, 1.0), zoom: float = 1.0
) -> Stimulus:
    """A window that moves over a photograph, from its centre, and draws nearer.

    Args:
        image: (channel, y, x) display values.
        size: (height, width) of the window, in pixels.
        frames: of the movie.
        step: (y, x) of the window from one frame to the next, in pixels of the image; the picture moves the other way.
        zoom: how much smaller the window is from one frame to the next: 1.01 draws nearer by 1 % each.

    Returns:
        (time, channel, y, x) display values; between pixels the four around are weighed.

    Raises:
        InputError: the window leaves the image.

    Example:
        >>> moved(np.zeros((3, 100, 100), np.float32), (64, 64), 16, step=(0, 2)).shape
        (16, 3, 64, 64)
    """
    channels, height, width = image.shape
    require_room("the movie", frames, channels, *size)
    out = np.empty((frames, channels, *size), np.float32)
    for at in range(frames):
        places = []
        for side, window, pace in zip((height, width), size, step, strict=True):
            centre = (side - 1) / 2 + pace * (at - (frames - 1) / 2)
            along = centre + (torch.arange(window, dtype=torch.float64) - (window - 1) / 2) / zoom**at
            if not -1e-6 <= float(along[0]) <= float(along[-1]) <= side - 1 + 1e-6 or not math.isfinite(pace):
                raise InputError(
                    f"a window of {size[0]} x {size[1]} leaves the image of {height} x {width} in frame {at + 1} of {frames}",
                    "give a smaller step, fewer frames or a smaller size",
                )
            places.append(2 * along / max(side - 1, 1) - 1)
        grid = torch.stack(torch.meshgrid(places[0], places[1], indexing="ij")[::-1], -1)[None]
        shown = torch.nn.functional.grid_sample(
            torch.from_numpy(image)[None].double(), grid, align_corners=True, padding_mode="border"
        )
        out[at] = shown[0].clamp(0, 1).numpy()
    return out
