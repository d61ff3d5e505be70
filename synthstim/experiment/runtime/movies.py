"""Experiments that show movies: every frame is on the graphics card before the first, and every flip is logged with its frame."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .pictures import decode_all, middle
from .viewing import Viewing


class MovieViewing(Viewing):
    """A session that shows movies.

    Attributes:
        movie: what stands for the movie among the components that a flip draws.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.movie = SimpleNamespace(autoDraw=False)
        self._item = self._number = 0
        self._on_card: list[list[Any]] = []

    def present(self, presentation: int, block: int, trial: int, item: int, frames: int) -> None:
        """Name the movie that the coming routine shows, from its first frame."""
        stimulus = self.stimuli[int(item)]
        self._item = int(item)
        super().present(presentation, block, trial, item, stimulus["frames"] * stimulus["refreshes_per_frame"])

    def draws(self, flip: int) -> bool:
        """Draw the frame of the movie that the coming flip of the routine shows, counted from 0; False when it has ended."""
        frames = self._on_card[self._item]
        self._number = flip // self.stimuli[self._item]["refreshes_per_frame"]
        self.movie.autoDraw = self._number < len(frames)
        if self.movie.autoDraw:
            frames[self._number].draw()
        return bool(self.movie.autoDraw)

    def frame(self, **components: Any) -> None:
        """Note what the coming flip draws: of a movie, which of its frames, from 0."""
        super().frame(**components)
        self._drawn = tuple(f"frame_{self._number}" if name == "image" else name for name in self._drawn)

    def _decoded(self, path: Path) -> Any:
        return decode_all(path)

    def _warm_up(self) -> None:
        from psychopy import visual

        display = self.settings["display"]
        screen = display["width_px"], display["height_px"]
        for stimulus, frames in zip(self.stimuli, self._images, strict=True):
            size = stimulus["width_px"], stimulus["height_px"]
            place = middle(stimulus["left_px"], stimulus["top_px"], size, screen)
            made = [
                visual.ImageStim(
                    self._window, image=frame, pos=place, size=size, units="pix", interpolate=False, autoLog=False
                )
                for frame in frames
            ]
            # Drawn once on a buffer that is never shown: drivers take longer over a texture's first time.
            for one in made:
                one.draw()
            self._on_card.append(made)
        self._window.clearBuffer()
