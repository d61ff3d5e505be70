"""Where the subject looks: through PsychoPy's eye tracker interface (ioHub), by the mouse in its place, or imagined in a rehearsal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .simulate import simulated
from .stop import stopped

MOUSE = "eyetracker.hw.mouse.EyeTracker"
# In a rehearsal, every so many trials the imagined subject looks away once.
LOOKS_AWAY = 5


class Gaze:
    """The gaze of the subject.

    Args:
        settings: the entry ``eye_tracker`` of settings.json.
        window: PsychoPy's.

    Raises:
        SystemExit: the eye tracker cannot be opened.
    """

    def __init__(self, settings: Mapping[str, Any], window: Any) -> None:
        self._hub: Any = None
        self._away = False
        if simulated():
            return
        name = MOUSE if settings["kind"] == "mouse" else settings["device_class"]
        try:
            from psychopy.iohub import launchHubServer

            asked = {"name": "tracker", **settings.get("parameters", {})}
            self._hub = launchHubServer(window=window, **{name: asked})
            self._tracker = self._hub.getDevice("tracker")
            self._tracker.setRecordingState(True)
        except Exception as error:  # each tracker fails in its own way
            raise stopped(
                f"the eye tracker {name} cannot be opened ({error}): connect it, or correct the entry 'eye_tracker' of settings.json"
            ) from None

    def imagine(self, away: bool) -> None:
        """In a rehearsal: whether the subject looks away now."""
        self._away = away

    def within(self, radius_px: float) -> bool:
        """Whether the gaze is so near the screen's centre; a lost gaze, as in a blink, is not."""
        if self._hub is None:
            return not self._away
        position = self._tracker.getPosition()
        return position is not None and math.hypot(*position[:2]) <= radius_px

    def close(self) -> None:
        """Let the eye tracker go."""
        if self._hub is not None:
            self._tracker.setRecordingState(False)
            self._hub.quit()
