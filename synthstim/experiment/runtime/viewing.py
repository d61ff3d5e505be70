"""Experiments that show images: each is decoded in memory before the first, and every flip is logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .frame_log import FrameLog, Presentation
from .marker_bytes import onset_code
from .pictures import decode, warm_up
from .session import Session


class Viewing(Session):
    """A session that shows images."""

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self._images = [self._decoded(self.directory / stimulus["file"]) for stimulus in self.stimuli]
        self._drawn: tuple[str, ...] = ()
        self._shown: tuple[Presentation, ...] = ()
        self._current: Presentation | None = None
        self._to_disk = False

    def image(self, item: int) -> Any:
        """The decoded image of an item, ready to be uploaded to the graphics card."""
        return self._images[int(item)]

    def rows_of_block(self, block: int) -> slice:
        """The rows of conditions.csv that make up a block."""
        size = self.manifest["trials_per_block"]
        return slice(int(block) * size, (int(block) + 1) * size)

    def present(self, presentation: int, block: int, trial: int, item: int, frames: int) -> None:
        """Name the stimulus that the coming routine shows."""
        stimulus = self.stimuli[int(item)]
        code = onset_code(self.settings["markers"], stimulus["marker_code"], int(presentation))
        self._current = Presentation(
            int(presentation), int(block), int(trial), int(item), stimulus["stimulus_id"], stimulus["file"],
            stimulus["sha256"], code, int(frames),
        )  # fmt: skip

    def enter(self, routine: str, marker: str = "") -> None:
        """Begin a routine; a marker named here is sent at its first flip."""
        super().enter(routine, marker)
        self._to_disk = bool(marker)

    def frame(self, **components: Any) -> None:
        """Note what the coming flip draws: a stimulus counts as shown when the component ``image`` is drawn."""
        self._drawn = tuple(name for name, component in components.items() if component.autoDraw is True)
        self._shown = (self._current,) if "image" in self._drawn and self._current is not None else ()
        super().frame()

    def leave(self) -> None:
        """End a routine: write what was logged."""
        self._drawn, self._shown = (), ()
        if self._running:
            # Waiting for the disk costs frames: only at the edges of a block.
            self._log.flush(to_disk=self._to_disk)

    def _decoded(self, path: Path) -> Any:
        return decode(path)

    def _warm_up(self) -> None:
        warm_up(self._window, self._images)

    def _open(self, stem: str) -> dict[str, Any]:
        self._log = FrameLog(stem, self.settings["display"]["refresh_hz"])
        self._warm_up()
        return {}

    def _close(self) -> dict[str, Any]:
        log = self._log
        log.close()
        whole = log.presentations == self.manifest["n_presentations"]
        return {
            "status": "completed" if whole else "stopped early",
            "frames": log.frames,
            "presentations": log.presentations,
            "presentations_planned": self.manifest["n_presentations"],
            "missed_refreshes": log.missed,
        }

    def _flip(self, time_s: float, ended: bool) -> None:
        shown, drawn = ((), ()) if ended else (self._shown, self._drawn)
        begun = self._log.starting(shown)

        def send() -> int | None:
            code = begun[0].marker_code if begun else self._marker_due
            return code if code is not None and self._send(code) else None

        self._log.flip(time_s, self._routine, drawn, shown, send)
        if not begun:
            self._marker_due = None
