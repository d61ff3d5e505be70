"""Experiments that show images: each is decoded in memory before the first, and every flip is logged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .frame_log import FrameLog, Presentation
from .session import Session


class Viewing(Session):
    """A session that shows images."""

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self._images = [_decode(self.directory / stimulus["file"]) for stimulus in self.stimuli]
        self._drawn: tuple[str, ...] = ()
        self._shown: Presentation | None = None
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
        self._current = Presentation(
            int(presentation), int(block), int(trial), int(item), stimulus["stimulus_id"], stimulus["file"],
            stimulus["sha256"], stimulus["marker_code"], int(frames),
        )  # fmt: skip

    def enter(self, routine: str, marker: str = "") -> None:
        """Begin a routine; a marker named here is sent at its first flip."""
        super().enter(routine, marker)
        self._to_disk = bool(marker)

    def frame(self, **components: Any) -> None:
        """Note what the coming flip draws: a stimulus counts as shown when the component ``image`` is drawn."""
        self._drawn = tuple(name for name, component in components.items() if component.autoDraw)
        self._shown = self._current if "image" in self._drawn else None
        super().frame()

    def leave(self) -> None:
        """End a routine: write what was logged."""
        self._drawn, self._shown = (), None
        if self._running:
            # Waiting for the disk costs frames: only at the edges of a block.
            self._log.flush(to_disk=self._to_disk)

    def _open(self, stem: str) -> dict[str, Any]:
        self._log = FrameLog(stem, self.settings["display"]["refresh_hz"])
        _warm_up(self._window, self._images)
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
        shown, drawn = (None, ()) if ended else (self._shown, self._drawn)
        onset = self._log.starts(shown)

        def send() -> int | None:
            code = shown.marker_code if onset and shown is not None else self._marker_due
            return code if code is not None and self._send(code) else None

        self._log.flip(time_s, self._routine, drawn, shown, send)
        if not onset:
            self._marker_due = None


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
