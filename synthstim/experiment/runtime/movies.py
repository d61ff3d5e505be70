"""Experiments that show movies in blocks: every flip is logged with the frame that it drew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .pictures import decode_all, middle
from .projector import Projector
from .viewing import Viewing


class MovieViewing(Viewing):
    """A session that shows movies."""

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self._projector = Projector()

    @property
    def movie(self) -> Any:
        """What stands for the movie among the components that a flip draws."""
        return self._projector.movie

    def present(self, presentation: int, block: int, trial: int, item: int, frames: int) -> None:
        """Name the movie that the coming routine shows, from its first frame."""
        stimulus, display = self.stimuli[int(item)], self.settings["display"]
        size = stimulus["width_px"], stimulus["height_px"]
        screen = display["width_px"], display["height_px"]
        flips = self._projector.choose(stimulus, middle(stimulus["left_px"], stimulus["top_px"], size, screen))
        super().present(presentation, block, trial, item, flips)

    def draws(self, flip: int) -> bool:
        """Draw the frame of the movie that is due at a flip, counted from its first; False when it has ended."""
        return self._projector.draws(flip)

    def frame(self, **components: Any) -> None:
        """Note what the coming flip draws: of a movie, which of its frames, from 0."""
        super().frame(**components)
        self._drawn = tuple(self._projector.drawn if name == "image" else name for name in self._drawn)

    def _decoded(self, path: Path) -> Any:
        return decode_all(path)

    def _warm_up(self) -> None:
        files = (stimulus["file"] for stimulus in self.stimuli)
        self._projector.load(self._window, dict(zip(files, self._images, strict=True)))
