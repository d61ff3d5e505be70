"""Presses the keys that an experiment waits for, so that it runs to its end with nobody there."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping

SWITCH = "SYNTHSTIM_SIMULATE"


def simulated() -> bool:
    """Whether this run was asked to press its own keys."""
    return os.environ.get(SWITCH) == "1"


def press(key: str) -> None:
    """Hand PsychoPy's default keyboard one key press."""
    from psychopy import logging
    from psychopy.hardware import DeviceManager, keyboard

    device = DeviceManager.getDevice("defaultKeyboard")
    if device is not None:
        device.receiveMessage(keyboard.KeyPress(key, logging.defaultClock.getTime()))


def press_when_waiting(routine: Callable[[], str], keys: Mapping[str, str]) -> threading.Thread:
    """Start a thread that presses a routine's key, again and again, while that routine waits for one.

    Args:
        routine: returns the name of the routine that runs now, and "" when the experiment has ended.
        keys: the key that each waiting routine wants.
    """

    def watch() -> None:
        while name := routine():
            if name in keys:
                press(keys[name])
            time.sleep(0.05)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread
