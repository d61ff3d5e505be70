"""A display's luminance measured by a photometer, through PsychoPy's classes of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthstim.errors import InputError, nearest, said_by
from synthstim.experiment.rig.luminance import COLUMNS, FEWEST, LuminanceTable
from synthstim.experiment.rig.rig import Rig
from synthstim.experiment.rig.window import full_window
from synthstim.experiment.running.psychopy_home import require_psychopy_home
from synthstim.experiment.running.virtual_display import has_display
from synthstim.files import write_whole

# Reads pixels back from the screen's memory: no light is measured.
_EMULATORS = ("ScreenBufferPhotometerDevice",)
SETTLE_S = 0.5


def photometers() -> dict[str, Any]:
    """The classes of photometers that this PsychoPy and its plug-ins have, by name."""
    require_psychopy_home()
    from psychopy.hardware import photometer

    return {name: kind for name, kind in photometer.getAllPhotometers().items() if name not in _EMULATORS}


def open_photometer(name: str, port: str | None) -> Callable[[], float]:
    """Open a photometer; returns what reads its luminance in cd/m2.

    Raises:
        InputError: PsychoPy has no such class here, or the photometer does not answer.
    """
    known = photometers()
    if name not in known:
        raise InputError(
            f"the photometer {name!r} given; PsychoPy has {', '.join(known) or 'no classes of photometers'} here",
            f"{nearest(name, known)}; or install PsychoPy's plug-in for it (psychopy-minolta, psychopy-photoresearch, psychopy-crs)"
            if known
            else "install PsychoPy's plug-in for it (psychopy-minolta, psychopy-photoresearch, psychopy-crs), or type a measured table"
            " into luminance.tsv",
            code="not-installed",
        )
    try:
        device = known[name](port) if port is not None else known[name]()
    except Exception as error:  # each photometer fails in its own way
        raise InputError(
            f"the photometer {name} does not answer ({said_by(error)})", "switch it on, and give its --port"
        ) from None
    return lambda: float(device.getLum())


def measure_levels(show: Callable[[int], None], read: Callable[[], float], count: int) -> LuminanceTable:
    """Show levels in an order that drift does not follow, and read each.

    Args:
        show: fills the screen with a level, 0 to 255.
        read: the luminance in cd/m2.
        count: how many levels, evenly from 0 to 255.

    Raises:
        InputError: a reading is none, or they do not rise from level to level.
    """
    levels = np.unique(np.rint(np.linspace(0, 255, max(FEWEST, count)))).astype(int)
    found: dict[int, float] = {}
    for level in np.random.default_rng(0).permutation(levels):
        show(int(level))
        found[int(level)] = read()
        if not np.isfinite(found[int(level)]):
            raise InputError(f"the photometer reads {found[int(level)]} at level {level}", "aim it at the screen again")
    values = [found[int(level)] for level in levels]
    for at in range(1, len(values)):
        if values[at] <= values[at - 1]:
            raise InputError(
                f"the photometer reads {values[at - 1]:g} cd/m2 at level {levels[at - 1]} and {values[at]:g} at {levels[at]}; expected more",
                "darken the room and keep it still, or measure fewer levels",
            )
    return LuminanceTable(levels=tuple(map(float, levels)), cd_m2=tuple(values))


def measure_display(rig: Rig, read: Callable[[], float], *, count: int) -> LuminanceTable:
    """Measure a rig's display on a full screen of grey.

    Raises:
        InputError: there is no display, or the readings make no table.
    """
    if not has_display():
        raise InputError("there is no display", "run this at the rig", code="missing")
    with full_window(rig) as window:

        def show(level: int) -> None:
            window.color = (level, level, level)
            # Twice: a colour of the background is drawn with the flip after the next.
            window.flip()
            window.flip()
            time.sleep(SETTLE_S)

        return measure_levels(show, read, count)


def write_luminance(path: Path, table: LuminanceTable) -> None:
    """Write a measured table as ``luminance: {file: ...}`` reads it."""
    rows = ["\t".join(COLUMNS), *(f"{level:g}\t{cd:.6g}" for level, cd in _pairs(table))]
    write_whole(path, ("\n".join(rows) + "\n").encode("utf-8"))


def _pairs(table: LuminanceTable) -> Sequence[tuple[float, float]]:
    return list(zip(table.levels, table.cd_m2, strict=True))
