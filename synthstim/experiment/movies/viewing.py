"""Experiments that show movies in blocks: what is written into their folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.images.light import check_conversion
from synthstim.experiment.images.stimuli import write_all
from synthstim.experiment.images.viewing import viewed
from synthstim.experiment.movies.files import natively, write_shown
from synthstim.experiment.prepared import ExportRequest, Prepared, require_modality, require_no_words
from synthstim.experiment.rig import Rig
from synthstim.modalities.movie import MODALITY


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
    native = natively(setup)
    check_conversion(native.settings, setup.rig)
    refreshes: set[int] = set()

    def write(source: Path, target: Path, own: Mapping[str, Any], rig: Rig) -> tuple[int, int, int]:
        shown = write_shown(source, target, own, rig)
        refreshes.add(shown.refreshes)
        return shown.frames, shown.height, shown.width

    stimuli = write_all(
        request.source, native.settings, setup.rig, directory, write, suffix=MODALITY.suffix, table=request.table
    )
    if len(refreshes) > 1:
        raise InputError(
            f"movies of {request.source.root.name} have unlike frame rates", "export them in parts", code="mismatch"
        )
    return viewed(protocol, native, directory, stimuli, refreshes.pop())
