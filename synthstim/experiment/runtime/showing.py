"""Images of an experiment as they are shown: decoded before the first, placed on whole pixels, logged flip by flip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .frame_log import FrameLog, Presentation
from .marker_bytes import onset_code
from .pictures import corner, decode, middle, warm_up


class Showing:
    """What is on the screen.

    Args:
        places: the centre of each piece that shows an image, in pixels from the screen's centre.
    """

    def __init__(
        self,
        directory: Path,
        stimuli: list[dict[str, Any]],
        places: Mapping[str, tuple[float, float]],
        settings: Mapping[str, Any],
    ) -> None:
        self._stimuli, self._places = stimuli, places
        display, self._markers = settings["display"], settings["markers"]
        self._screen = display["width_px"], display["height_px"]
        self._refresh_hz = display["refresh_hz"]
        self._images = {one["file"]: self._decoded(directory / one["file"]) for one in stimuli}
        self._presented: dict[str, Presentation] = {}
        self._drawn: tuple[str, ...] = ()
        self._count = 0

    def open(self, stem: str, window: Any) -> None:
        """Open the tables, and let the graphics card see an image of each size."""
        self._log = FrameLog(stem, self._refresh_hz, slots=True)
        self._warm_up(window)

    def image(self, file: str) -> Any:
        """The decoded image of a file."""
        return self._images[file]

    def place(self, piece: str, stimulus: Mapping[str, Any]) -> tuple[float, float]:
        """Where a piece shows an image, on whole pixels: at the piece's place, or at the image's own."""
        size = stimulus["width_px"], stimulus["height_px"]
        centre = stimulus.get("places", self._places)[piece]
        return middle(*corner(centre, size, self._screen), size, self._screen)

    def begin(self) -> None:
        """Begin a trial, of which nothing has been shown."""
        self._presented = {}

    def present(self, piece: str, slot: str, stimulus: dict[str, Any], planned: Mapping[str, Any], frames: int) -> None:
        """Name the image that a piece of the coming routine shows."""
        self._presented[piece] = Presentation(
            presentation=self._count, block=planned["block"], trial=planned["trial"], item=self._stimuli.index(stimulus),
            stimulus_id=stimulus["stimulus_id"], file=stimulus["file"], sha256=stimulus["sha256"],
            marker_code=onset_code(self._markers, stimulus["marker_code"], self._count), frames_planned=int(frames), slot=slot,
        )  # fmt: skip
        self._count += 1

    def draws(self, components: Iterable[tuple[str, Any]]) -> None:
        """Note what the coming flip draws."""
        # Before it is first set, autoDraw is a descriptor of PsychoPy's, which counts as true.
        self._drawn = tuple(name for name, component in components if component.autoDraw is True)

    def leave(self) -> None:
        """End a routine: nothing is drawn any more, and what was logged is written."""
        self._drawn = ()
        self._log.flush()

    def flip(
        self, time_s: float, routine: str, ended: bool, due: int | None, send: Callable[[int], bool]
    ) -> list[Presentation]:
        """Log a flip; returns what came with it, whose marker was sent in the place of one that was due."""
        drawn = () if ended else self._drawn
        shown = tuple(self._presented[piece] for piece in drawn if piece in self._presented)
        begun = self._log.starting(shown)
        code = begun[0].marker_code if begun else due
        called = tuple(map(self._called, drawn))
        self._log.flip(time_s, routine, called, shown, lambda: code if code is not None and send(code) else None)
        return begun

    def _decoded(self, path: Path) -> Any:
        return decode(path)

    def _warm_up(self, window: Any) -> None:
        warm_up(window, list(self._images.values()))

    def _called(self, component: str) -> str:
        """What the table of flips calls a component that is drawn."""
        return component

    @property
    def missed(self) -> int:
        """Refreshes missed so far."""
        return self._log.missed

    def close(self) -> dict[str, Any]:
        """Close the tables; what goes into the record."""
        self._log.close()
        return {"frames": self._log.frames, "missed_refreshes": self._log.missed}
