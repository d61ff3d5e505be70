"""The files of movies as an experiment shows them, and how many refreshes of the screen each frame stands."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from synthstim.errors import InputError
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.images.light import converts, shown_values
from synthstim.experiment.rig import Rig
from synthstim.modalities.movie import read_movie, write_movie

# A screen of 59.94 Hz shows movies of 30 Hz a thousandth too slowly, which nobody sees; more is refused.
RATE_TOLERANCE = 2e-3
# Movies are shown as they are: one pixel of a frame is one of the screen.
_NATIVE = {"size": "native", "size_deg": None}


@dataclass(frozen=True)
class MovieOnScreen:
    """A movie that was written for a rig: frames, pixels, frames a second, and refreshes that each frame stands."""

    frames: int
    height: int
    width: int
    rate_hz: float
    refreshes: int


def natively(setup: Setup) -> Setup:
    """The same with the sizes of movies, which have no setting."""
    return replace(setup, settings={**setup.settings, **_NATIVE})


def write_shown(source: Path, target: Path, settings: Mapping[str, Any], rig: Rig) -> MovieOnScreen:
    """Write a movie as the display shows it, byte for byte where its light asks for no more.

    Raises:
        InputError: it cannot be read, or the screen's refresh is no whole multiple of its frame rate.
    """
    held = read_movie(source)
    refreshes = refreshes_of(source.name, held.rate_hz, rig)
    if converts(settings, rig):
        write_movie(target, np.asarray(shown_values(held.frames, settings, rig), np.float32), rate_hz=held.rate_hz)
    else:
        shutil.copyfile(source, target)
    count, _channels, height, width = held.frames.shape
    return MovieOnScreen(count, height, width, held.rate_hz, refreshes)


def refreshes_of(name: str, rate_hz: float, rig: Rig) -> int:
    """How many refreshes of the rig's screen a frame of a movie stands.

    Raises:
        InputError: they are no whole number.
    """
    exact = rig.monitor.refresh_hz / rate_hz
    whole = round(exact)
    if whole < 1 or abs(exact / whole - 1) > RATE_TOLERANCE:
        choices = ", ".join(f"{rig.monitor.refresh_hz / count:.4g}" for count in (1, 2, 3, 4))
        raise InputError(
            f"{name} has {rate_hz:g} frames a second, the screen {rig.monitor.refresh_hz:g} refreshes, which is no whole multiple",
            f"make movies of {choices} Hz, or set the screen to a multiple of {rate_hz:g} Hz",
            code="mismatch",
        )
    return whole
