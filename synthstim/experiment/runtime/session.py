"""One run of an exported experiment: what the code components of the Builder file call."""

from __future__ import annotations

import atexit
import datetime
import json
import platform
import sys
from pathlib import Path
from typing import Any

from .checksums import damaged, sha256_of
from .display import display_problems, gamma_ramp_state
from .frame_log import FrameLog, Presentation
from .markers import open_markers
from .simulate import press_when_waiting, simulated


class Session:
    """Verifies the stimuli, keeps them decoded in memory, logs each flip and sends the markers.

    Made before a window opens, so that a damaged folder stops before anything is shown.
    """

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)
        self.settings = _read(self.directory / "settings.json")
        self.manifest = _read(self.directory / "manifest.json")
        self.stimuli: list[dict[str, Any]] = self.manifest["stimuli"]
        if problems := damaged(self.directory, self.stimuli):
            raise SystemExit(f"{problems[0]} ({len(problems)} of {len(self.stimuli)} stimuli): export again")
        self._images = [_decode(self.directory / stimulus["file"]) for stimulus in self.stimuli]
        self._routine = "setup"
        self._drawn: tuple[str, ...] = ()
        self._shown: Presentation | None = None
        self._current: Presentation | None = None
        self._marker_due: int | None = None
        self._marker_failures = 0
        self._to_disk = False
        self._armed = False
        self._log: FrameLog | None = None
        self._record: dict[str, Any] = {}

    # What fields of components ask for.

    def text(self, name: str) -> str:
        """A text of the protocol."""
        return str(self.manifest["texts"][name])

    def image(self, item: int) -> Any:
        """The decoded image of an item, ready to be uploaded to the graphics card."""
        return self._images[int(item)]

    def rows_of_block(self, block: int) -> slice:
        """The rows of conditions.csv that make up a block."""
        size = self.manifest["trials_per_block"]
        return slice(int(block) * size, (int(block) + 1) * size)

    # What code components call.

    def begin(self, window: Any, experiment: Any, info: dict[str, Any]) -> None:
        """Check the display, open the markers and the logs; called once, when the window is open."""
        self._window, self._experiment = window, experiment
        rate, gamma = info.get("frameRate"), window.gamma
        problems = display_problems(window.size, rate, gamma, self.settings["display"])
        if problems and self.settings["display"]["check"] and not simulated():
            window.close()
            raise SystemExit("; ".join(problems) + ": correct rig.yaml and export again")
        self._markers = open_markers(self.settings["markers"])
        stem = str(experiment.dataFileName)
        self._log = FrameLog(stem, self.settings["display"]["refresh_hz"])
        self._record_path = Path(f"{stem}_session.json")
        self._record = {
            "status": "running",
            "started": _now(),
            "experiment": self.manifest["protocol"],
            "subject": self.settings["subject"],
            "simulated": simulated(),
            "display_problems": problems,
            "window_px": [int(side) for side in window.size],
            "measured_refresh_hz": rate,
            "gamma_correction": gamma,
            "gamma_ramp": gamma_ramp_state(window),
            "markers": self.settings["markers"],
            "sha256": {name: sha256_of(self.directory / name) for name in ("manifest.json", "conditions.csv")},
            "psychopy": info.get("psychopyVersion"),
            "python": platform.python_version(),
            "system": platform.platform(),
        }
        self._write_record()
        _warm_up(window, self._images)
        # Escape leaves the script by a path that no code component sees.
        atexit.register(self.finish)
        if simulated():
            press_when_waiting(lambda: self._routine, self.manifest["keys"])
        self._send(self.manifest["codes"]["session_start"])

    def present(self, presentation: int, block: int, trial: int, item: int, frames: int) -> None:
        """Name the stimulus that the coming routine shows."""
        stimulus = self.stimuli[int(item)]
        self._current = Presentation(
            int(presentation), int(block), int(trial), int(item), stimulus["stimulus_id"], stimulus["file"],
            stimulus["sha256"], stimulus["marker_code"], int(frames),
        )  # fmt: skip

    def enter(self, routine: str, marker: str = "") -> None:
        """Begin a routine; a marker named here is sent at its first flip."""
        self._routine = routine
        self._marker_due = self.manifest["codes"][marker] if marker else None
        self._to_disk = bool(marker)

    def frame(self, **components: Any) -> None:
        """Note what the coming flip draws: a stimulus counts as shown when the component ``image`` is drawn."""
        self._drawn = tuple(name for name, component in components.items() if component.autoDraw)
        self._shown = self._current if "image" in self._drawn else None
        if not self._armed:
            self._armed = True
            self._window.callOnFlip(self._flipped)

    def leave(self) -> None:
        """End a routine: write what was logged."""
        self._drawn, self._shown = (), None
        if self._log is not None:
            # Waiting for the disk costs frames: only at the edges of a block.
            self._log.flush(to_disk=self._to_disk)

    def finish(self) -> None:
        """Close everything and say how the run ended; safe to call twice."""
        if self._log is None:
            return
        log, self._log, self._routine = self._log, None, ""
        log.close()
        self._send(self.manifest["codes"]["session_end"])
        self._markers.close()
        whole = log.presentations == self.manifest["n_presentations"]
        self._record |= {
            "status": "error" if hasattr(sys, "last_value") else "completed" if whole else "stopped early",
            "ended": _now(),
            "frames": log.frames,
            "presentations": log.presentations,
            "presentations_planned": self.manifest["n_presentations"],
            "missed_refreshes": log.missed,
            "marker_failures": self._marker_failures,
        }
        self._write_record()

    def _flipped(self) -> None:
        from psychopy import logging
        from psychopy.constants import FINISHED

        time_s = logging.defaultClock.getTime()
        self._armed = False
        if self._log is None:
            return
        # After Escape, PsychoPy clears the screen and flips once more.
        ended = self._experiment.status == FINISHED
        shown, drawn = (None, ()) if ended else (self._shown, self._drawn)
        onset = self._log.starts(shown)

        def send() -> int | None:
            code = shown.marker_code if onset and shown is not None else self._marker_due
            return code if code is not None and self._send(code) else None

        self._log.flip(time_s, self._routine, drawn, shown, send)
        if not onset:
            self._marker_due = None

    def _send(self, code: int) -> bool:
        # A recording goes on without a marker; the failure is counted in the record and missing in the frame log.
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
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path.name} cannot be read ({error}): export the experiment again") from None
    return dict(content)


def _decode(path: Path) -> Any:
    from PIL import Image

    # Grey images become RGB here: PsychoPy would send a grey one through floating point.
    with Image.open(path) as opened:
        return opened.convert("RGB")


def _warm_up(window: Any, images: list[Any]) -> None:
    from psychopy import visual

    # Graphics drivers take far longer over the first texture of a size: they do it here, on a buffer never shown.
    for image in {image.size: image for image in images}.values():
        visual.ImageStim(window, image=image, size=image.size, units="pix", interpolate=False, autoLog=False).draw()
    window.clearBuffer()


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
