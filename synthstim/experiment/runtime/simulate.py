"""Rehearsals: the keys that an experiment waits for are pressed, and what comes of it is kept apart from real data."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

SWITCH = "SYNTHSTIM_SIMULATE"
# Lets a rehearsal send the markers, which otherwise no device needs to be there for.
MARKERS = "SYNTHSTIM_MARKERS"
DATA, REHEARSAL = "data", "rehearsal"
# A simulated listener that has no idea and guesses, to rehearse a failed headphone check.
GUESSING = "guess"


def simulated() -> bool:
    """Whether this run was asked to press its own keys."""
    return os.environ.get(SWITCH) in ("1", GUESSING)


def guessing() -> bool:
    """Whether the simulated listener guesses."""
    return os.environ.get(SWITCH) == GUESSING


def data_folder() -> str:
    """The folder that this run's data go into: a rehearsal has its own, so that it uses up no participant."""
    return REHEARSAL if simulated() else DATA


def sends_markers() -> bool:
    """Whether markers are sent: always with somebody there, in a rehearsal where that is asked for."""
    return not simulated() or os.environ.get(MARKERS) == "1"


def press(key: str) -> None:
    """Hand PsychoPy's default keyboard one key press."""
    from psychopy import logging
    from psychopy.hardware import DeviceManager, keyboard

    device = DeviceManager.getDevice("defaultKeyboard")
    if device is not None:
        device.receiveMessage(keyboard.KeyPress(key, logging.defaultClock.getTime()))


def press_when_waiting(wanted: Callable[[], str | None]) -> threading.Thread:
    """Start a thread that presses the key that is wanted, again and again.

    Args:
        wanted: returns the key that the experiment waits for now, None for none, and "" when it has ended.
    """

    def watch() -> None:
        while (key := wanted()) != "":
            if key is not None:
                press(key)
            time.sleep(0.05)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def click(mouse: Any, component: Any) -> None:
    """Point PsychoPy's mouse at a component and press its left button, or let it go where it is pressed."""
    from psychopy import event

    mouse.setPos(component._pos.pix)
    event.mouseButtons[0] = 1 - event.mouseButtons[0]
