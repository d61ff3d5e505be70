"""Experiments that show movies: their files, and how many refreshes of the screen each frame stands."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from synthstim.errors import InputError
from synthstim.experiment.images.light import check_conversion, converts, shown_values
from synthstim.experiment.images.stimuli import write_all
from synthstim.experiment.images.viewing import viewed
from synthstim.experiment.prepared import ExportRequest, Prepared, require_modality, require_no_words
from synthstim.experiment.rig import Rig
from synthstim.modalities.movie import MODALITY, read_movie, write_movie

# A screen of 59.94 Hz shows movies of 30 Hz a thousandth too slowly, which nobody sees; more is refused.
RATE_TOLERANCE = 2e-3
# Movies are shown as they are: one pixel of a frame is one of the screen.
_NATIVE = {"size": "native", "size_deg": None}


def prepare_movies(request: ExportRequest, directory: Path) -> Prepared:
    """Write movies, conditions.csv and markers.tsv into the folder of an experiment.

    Raises:
        InputError: the set, a setting or the rig cannot be used, or the screen's refresh is no whole multiple of the frame rate.
    """
    protocol, setup = request.protocol, request.setup
    if request.source is None:
        raise InputError(f"{protocol.name} shows the movies of a set", "give one")
    require_no_words(request)
    require_modality(request.source, MODALITY.name, protocol.name)
    native = replace(setup, settings={**setup.settings, **_NATIVE})
    check_conversion(native.settings, setup.rig)
    refreshes: set[int] = set()

    def write(source: Path, target: Path, own: Mapping[str, Any], rig: Rig) -> tuple[int, int, int]:
        held = read_movie(source)
        refreshes.add(refreshes_of(source.name, held.rate_hz, rig))
        if converts(own, rig):
            write_movie(target, np.asarray(shown_values(held.frames, own, rig), np.float32), rate_hz=held.rate_hz)
        else:
            shutil.copyfile(source, target)
        return len(held.frames), int(held.frames.shape[2]), int(held.frames.shape[3])

    stimuli = write_all(
        request.source, native.settings, setup.rig, directory, write, suffix=MODALITY.suffix, table=request.table
    )
    if len(refreshes) > 1:
        raise InputError(
            f"movies of {request.source.root.name} have unlike frame rates", "export them in parts", code="mismatch"
        )
    return viewed(protocol, native, directory, stimuli, refreshes.pop())


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
