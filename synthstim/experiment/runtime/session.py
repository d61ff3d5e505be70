"""One run of an exported experiment: what every kind of experiment needs, called by the code components of the Builder file."""

from __future__ import annotations

import atexit
import json
import platform
import sys
from pathlib import Path
from typing import Any

from .checksums import damaged, sha256_of
from .display import display_problems, gamma_ramp_state
from .markers import open_markers
from .response_box import open_box
from .reward import Dispenser
from .simulate import data_folder, press_when_waiting, sends_markers, simulated
from .stop import stopped
from .tables import stamp
from .texts import read_texts

# Of experiments that were exported before rigs had boxes.
_KEYS = {"kind": "keys"}


class Session:
    """Verifies the stimuli, checks the display, sends the markers and keeps the record of the run.

    Made before a window opens, so that a damaged folder stops before anything is shown. ``viewing.Viewing`` shows
    blocks of images, ``trial_session.TrialSession`` goes through trials; they fill in the methods that do nothing here.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.data = data_folder()
        self.settings = _read(self.directory / "settings.json")
        self.manifest = _read(self.directory / "manifest.json")
        self._texts = read_texts(self.directory)
        self.stimuli: list[dict[str, Any]] = self.manifest["stimuli"]
        if problems := damaged(self.directory, self.stimuli):
            raise stopped(f"{problems[0]} ({len(problems)} of {len(self.stimuli)} stimuli): export again")
        self._running = False
        self._routine = "setup"
        self._marker_due: int | None = None
        self._marker_failures = 0
        self._armed = False
        self._record: dict[str, Any] = {}

    # What each kind of experiment does.

    def _open(self, stem: str) -> dict[str, Any]:
        """Open the tables and devices; the facts returned go into the record."""
        return {}

    def _close(self) -> dict[str, Any]:
        """Close what ``_open`` opened; the facts returned, among them the status, go into the record."""
        return {}

    def _flip(self, time_s: float, ended: bool) -> None:
        """A flip returned at this time; ``ended`` says that the script only empties the screen."""

    def _next_key(self) -> str | None:
        """The key that a simulated person presses now, or None."""
        return self.manifest["keys"].get(self._routine)

    # What fields of components ask for.

    def text(self, name: str) -> str:
        """A text of the protocol."""
        return self._texts[name]

    # What code components call.

    def begin(self, window: Any, experiment: Any, info: dict[str, Any]) -> None:
        """Check the display, open the markers and the tables; called once, when the window is open."""
        self._window, self._experiment = window, experiment
        rate, gamma = info.get("frameRate"), window.gamma
        problems = display_problems(window.size, rate, gamma, self.settings["display"])
        if problems and self.settings["display"]["check"] and not simulated():
            window.close()
            raise stopped("; ".join(problems) + ": correct rig.yaml and export again")
        sent = sends_markers()
        self._markers = open_markers(self.settings["markers"] if sent else {"kind": "none"})
        # Rehearsals without devices press their own keys, and count rewards that nobody gets.
        self._box = open_box(self.settings.get("responses", _KEYS)) if sent else None
        asked = self.settings.get("reward")
        self._dispenser = Dispenser(asked, self.directory / self.data, opens=sent) if asked else None
        stem = str(experiment.dataFileName)
        self._record_path = Path(f"{stem}_session.json")
        checked = [
            name
            for name in ("manifest.json", "conditions.csv", "plan.tsv", "candidates.tsv", "texts.yaml")
            if (self.directory / name).exists()
        ]
        self._record = {
            "status": "running",
            "started": stamp(),
            "experiment": self.manifest["protocol"],
            "subject": self.settings["subject"],
            "simulated": simulated(),
            "display_problems": problems,
            "window_px": [int(side) for side in window.size],
            "measured_refresh_hz": rate,
            "gamma_correction": gamma,
            "gamma_ramp": gamma_ramp_state(window),
            "markers": self.settings["markers"] | {"sent": sent},
            "responses": self.settings.get("responses", _KEYS),
            "sha256": {name: sha256_of(self.directory / name) for name in checked},
            "psychopy": info.get("psychopyVersion"),
            "python": platform.python_version(),
            "system": platform.platform(),
        }
        self._record |= self._open(stem)
        self._running = True
        self._write_record()
        # Escape leaves the script by a path that no code component sees.
        atexit.register(self.finish)
        if simulated():
            press_when_waiting(lambda: self._next_key() if self._running else "")
        self._send(self.manifest["codes"]["session_start"])

    def enter(self, routine: str, marker: str = "") -> None:
        """Begin a routine; a marker named here is sent at its first flip."""
        self._routine = routine
        self._marker_due = self.manifest["codes"][marker] if marker else None

    def reward(self, milliseconds: float | None = None) -> bool:
        """Give a reward and go on at once; whether the rig has one and its caps allowed it.

        Args:
            milliseconds: how long the valve is open; by default as the rig says.
        """
        return self._dispenser is not None and self._dispenser.give(milliseconds)

    def frame(self, **components: Any) -> None:
        """Ask to be told of the coming flip; called last in each frame, with the components that may draw."""
        if not self._armed:
            self._armed = True
            self._window.callOnFlip(self._flipped)

    def leave(self) -> None:
        """End a routine."""

    def finish(self) -> None:
        """Close everything and say how the run ended; safe to call twice."""
        if not self._running:
            return
        self._running, self._routine = False, ""
        facts = self._close()
        self._send(self.manifest["codes"]["session_end"])
        try:
            self._markers.close()
        except Exception:  # a port that was unplugged cannot be flushed
            self._marker_failures += 1
        if self._box is not None:
            self._box.close()
        if self._dispenser is not None:
            self._dispenser.close()
            facts |= self._dispenser.facts
        if hasattr(sys, "last_value"):
            facts["status"] = "error"
        self._record |= facts | {"ended": stamp(), "marker_failures": self._marker_failures}
        self._write_record()

    def _flipped(self) -> None:
        from psychopy import logging
        from psychopy.constants import FINISHED

        time_s = logging.defaultClock.getTime()
        self._armed = False
        if self._running:
            # After Escape, PsychoPy clears the screen and flips once more.
            self._flip(time_s, self._experiment.status == FINISHED)

    def _send(self, code: int) -> bool:
        # A recording goes on without a marker; the failure is counted in the record and missing in the tables.
        try:
            self._markers.send(code)
        except Exception as error:
            from psychopy import logging

            self._marker_failures += 1
            logging.error(f"marker {code} was not sent: {error}")
            return False
        return True

    def _write_record(self) -> None:
        self._record_path.write_text(json.dumps(self._record, indent=2) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    class Facts(dict[str, Any]):
        """A JSON object of this file, which says so where it lacks something."""

        def __missing__(self, name: str) -> Any:
            raise stopped(f"{path.name} lacks {name!r}: export the experiment again")

    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_hook=Facts)
    except (OSError, ValueError, RecursionError) as error:
        raise stopped(f"{path.name} cannot be read ({error}): export the experiment again") from None
    if not isinstance(content, Facts):
        raise stopped(f"{path.name} holds no JSON object: export the experiment again")
    return content
