"""Sounds of an experiment as they are heard: loaded, due, started at a flip, over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .player import Player


class Hearing:
    """What sounds now.

    Attributes:
        onset: when it was started, by the experiment's clock; None before.
        played: whether the device was handed every sample of what was heard last.
        underflows: how often the device ran out of samples meanwhile.
    """

    def __init__(self, directory: Path, device: int | None = None) -> None:
        self._directory, self._player = directory, Player(device)
        self.onset: float | None = None
        self.played, self.underflows = False, 0
        self._file, self._due, self._started = "", False, False

    def load(self, file: str) -> float:
        """Take a file into memory; returns its duration in seconds."""
        self._file = file
        self._due = self._started = False
        self.onset = None
        return self._player.load(self._directory / file)

    def begins(self, due: bool) -> bool:
        """Whether the sound, now that it is due or not, is to start with the coming flip; true once."""
        if not due or self._started or not self._player.ready:
            return False
        self._started = self._due = True
        return True

    @property
    def over(self) -> bool:
        """Whether it was heard to its end."""
        return self.onset is not None and self._player.over

    def again(self) -> None:
        """Load the same sound once more."""
        self.load(self._file)

    def starts(self) -> bool:
        """Start what is due, at a flip that has returned; whether there was something."""
        if not self._due:
            return False
        from psychopy import logging

        self._due = False
        self._player.play()
        self.onset = float(logging.defaultClock.getTime())
        return True

    def heard_for(self, seconds: float) -> bool:
        """Whether it has sounded for longer than that."""
        from psychopy import logging

        return self.onset is not None and logging.defaultClock.getTime() - self.onset > seconds

    def silence(self) -> None:
        """End what sounds still."""
        self.played, self.underflows = self._player.played, self._player.underflows or 0
        self._player.stop()

    @property
    def facts(self) -> dict[str, Any]:
        """For the record of the run."""
        return {"reported_latency_s": self._player.latency_s}
