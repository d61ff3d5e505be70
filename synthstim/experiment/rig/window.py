"""A window of PsychoPy's on the screen of a rig, as experiments open it, to look at and measure by."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from synthstim.experiment.rig.rig import Rig
from synthstim.experiment.running.psychopy_home import require_psychopy_home


@contextlib.contextmanager
def full_window(rig: Rig) -> Iterator[Any]:
    """Open a window of the rig's size on its screen; colours are levels, 0 to 255."""
    require_psychopy_home()
    with warnings.catch_warnings():
        # Of other packages, through PsychoPy.
        warnings.simplefilter("ignore")
        from psychopy import logging, monitors, visual

        logging.console.setLevel(logging.CRITICAL)
        monitor = rig.monitor
        window = visual.Window(
            (monitor.width_px, monitor.height_px), screen=monitor.screen - 1, fullscr=monitor.fullscreen, colorSpace="rgb255",
            color=(128, 128, 128), units="pix", allowGUI=False, checkTiming=False,
            # One that Monitor Center does not know, so that no calibration kept there applies its gamma.
            monitor=monitors.Monitor("synthstim_without_gamma", width=monitor.width_cm, distance=monitor.distance_cm),
        )  # fmt: skip
        try:
            yield window
        finally:
            window.close()
