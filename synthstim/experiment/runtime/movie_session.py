"""Experiments made of trials whose stimuli are movies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .image_session import ImageSession
from .pictures import decode_all
from .projector import Projector
from .showing import Showing


class MovieShowing(Showing):
    """What is on the screen, movies frame by frame."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.projector = Projector()

    def present(self, piece: str, slot: str, stimulus: dict[str, Any], planned: Mapping[str, Any], frames: int) -> None:
        """Name the movie that a piece of the coming routine shows, from its first frame."""
        flips = self.projector.choose(stimulus, self.place(piece, stimulus))
        super().present(piece, slot, stimulus, planned, flips)

    def _decoded(self, path: Path) -> Any:
        return decode_all(path)

    def _warm_up(self, window: Any) -> None:
        self.projector.load(window, self._images)

    def _called(self, component: str) -> str:
        return self.projector.drawn if component in self._presented else component


class MovieSession(ImageSession):
    """A session of one participant, who is shown movies."""

    shown_by = MovieShowing
    _showing: MovieShowing

    @property
    def movie(self) -> Any:
        """What stands for the movie among the components that a flip draws."""
        return self._showing.projector.movie

    def draws(self, flip: int) -> bool:
        """Draw the frame of the movie that is due at a flip, counted from its first; False when it has ended."""
        return self._showing.projector.draws(flip)
