"""Draws movies: every frame is on the graphics card before the first is shown, and stands for as many flips as it should."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any


class Projector:
    """The movies of an experiment on the graphics card, and the one that is shown.

    Attributes:
        movie: what stands for the movie among the components that a flip draws.
    """

    def __init__(self) -> None:
        self.movie = SimpleNamespace(autoDraw=False)
        self._number, self._refreshes = 0, 1
        self._frames: list[Any] = []
        self._places: dict[str, tuple[float, float]] = {}
        self._on_card: dict[str, list[Any]] = {}

    @property
    def drawn(self) -> str:
        """What the table of flips calls the frame that is drawn."""
        return f"frame_{self._number}"

    def load(self, window: Any, movies: Mapping[str, list[Any]]) -> None:
        """Put the decoded frames of each file on the graphics card."""
        from psychopy import visual

        for file, frames in movies.items():
            self._on_card[file] = [
                visual.ImageStim(window, image=frame, size=frame.size, units="pix", interpolate=False, autoLog=False)
                for frame in frames
            ]
            # Drawn once on a buffer that is never shown: drivers take longer over a texture's first time.
            for one in self._on_card[file]:
                one.draw()
        window.clearBuffer()

    def choose(self, stimulus: Mapping[str, Any], place: tuple[float, float]) -> int:
        """Take the movie that comes next, and its centre in PsychoPy's pixels; returns for how many flips it is shown."""
        file = stimulus["file"]
        self._frames, self._refreshes = self._on_card[file], stimulus["refreshes_per_frame"]
        if self._places.get(file) != place:
            for one in self._frames:
                one.pos = place
            self._places[file] = place
        return len(self._frames) * self._refreshes

    def draws(self, flip: int) -> bool:
        """Draw the frame of the movie that is due at a flip, counted from its first; nothing before. False when it has ended."""
        self._number = max(0, flip) // self._refreshes
        going_on = self._number < len(self._frames)
        self.movie.autoDraw = going_on and flip >= 0
        if self.movie.autoDraw:
            self._frames[self._number].draw()
        return going_on
