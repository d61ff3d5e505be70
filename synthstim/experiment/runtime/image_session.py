"""Experiments made of trials whose stimuli are images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .showing import Showing
from .trial_session import TrialSession


class ImageSession(TrialSession):
    """A session of one participant, who is shown images.

    Attributes:
        shown_by: the class of what is on the screen.
    """

    shown_by: type[Showing] = Showing

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self._showing = self.shown_by(self.directory, self.stimuli, self.manifest["places"], self.settings)
        self._missed_before = 0

    # What fields of components ask for.

    def image(self, cell: str) -> Any:
        """The decoded image that a slot's cell of the plan names."""
        return self._showing.image(self._file(cell))

    def size(self, cell: str) -> tuple[int, int]:
        """Its width and height: one image pixel is one screen pixel."""
        stimulus = self._by_file[self._file(cell)]
        return stimulus["width_px"], stimulus["height_px"]

    def place(self, piece: str, cell: str) -> tuple[float, float]:
        """Where a piece shows it, on whole pixels."""
        return self._showing.place(piece, self._by_file[self._file(cell)])

    # What code components call.

    def trial(self, part: int, trial: int) -> None:
        """Begin a trial, of which nothing has been shown."""
        super().trial(part, trial)
        self._showing.begin()
        self._missed_before = self._showing.missed

    def present(self, piece: str, slot: str, cell: str, frames: int) -> None:
        """Name the image that a piece of the coming routine shows."""
        if self._trial is not None and not self.skips:
            self._begin()
            self._showing.present(piece, slot, self._of_slot(self._trial, slot, cell), self._trial.planned, frames)

    def frame(self, **components: Any) -> None:
        """Note what the coming flip draws; called last in each frame."""
        self._showing.draws(components.items())
        super().frame()

    def leave(self) -> None:
        """End a routine: nothing is drawn any more."""
        super().leave()
        if self._running:
            self._showing.leave()

    # What the base asks for.

    def _open_presenting(self, stem: str) -> dict[str, Any]:
        self._showing.open(stem, self._window)
        return {}

    def _presented(self) -> dict[str, Any]:
        return {"missed_refreshes": self._showing.missed - self._missed_before}

    def _close_presenting(self) -> dict[str, Any]:
        return self._showing.close()

    def _flip(self, time_s: float, ended: bool) -> None:
        super()._flip(time_s, ended)
        begun = self._showing.flip(time_s, self._routine, ended, self._marker_due, self._send)
        slots = self._trial.slots if self._trial is not None else {}
        for one in begun:
            slots[one.slot] |= {"onset_frame": one.onset_frame, "onset_s": one.onset_time_s}
        if not begun:
            self._marker_due = None
