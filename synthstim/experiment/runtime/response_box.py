"""A response box whose buttons stand for keys: a press of one is handed on as a press of the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from .simulate import press
from .stop import stopped

NAME = "synthstim_response_box"
# How often the box is asked, in seconds: the resolution of its reaction times.
PERIOD_S = 0.001


class ButtonsAsKeys:
    """Asks a box of PsychoPy's device classes for presses, in a thread of its own.

    A press has the time at which it was seen here, by the clock of the keys, up to a millisecond and the box's own delay after it was made.
    """

    def __init__(self, box: Any, keys: list[str]) -> None:
        self._box, self._keys = box, keys
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.is_set():
            for response in self._box.getResponses(state=True):
                if response.channel is not None and response.channel < len(self._keys) and self._keys[response.channel]:
                    press(self._keys[response.channel])
            time.sleep(PERIOD_S)

    def close(self) -> None:
        """Ask no more."""
        self._ended.set()
        self._thread.join(1)


def open_box(settings: Mapping[str, Any]) -> ButtonsAsKeys | None:
    """Open what the entry ``responses`` of settings.json names; None for keys.

    Raises:
        SystemExit: there is no such box.
    """
    if settings["kind"] == "keys":
        return None
    from psychopy.hardware import DeviceManager
    from psychopy.hardware.exceptions import ManagedDeviceError

    name = settings["device_class"]
    try:
        box = DeviceManager.addDevice(deviceClass=name, deviceName=NAME, **settings["parameters"])
    # Each box fails in its own way, and PsychoPy's own error is no Exception.
    except (Exception, ManagedDeviceError) as error:
        raise stopped(
            f"the response box {name} cannot be opened ({error}): correct the entry 'responses' of settings.json"
        ) from None
    if not hasattr(box, "getResponses"):
        raise stopped(f"{name} is not a response box: correct the entry 'responses' of settings.json")
    return ButtonsAsKeys(box, list(settings["keys"]))
