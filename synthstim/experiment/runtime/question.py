"""A question to the participant: what is typed or pressed, when, and what a simulated participant would press."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from .completion import NumberEntry, WordEntry, fold

# A simulated key that has not arrived after so long is pressed again.
_LOST_S = 2.0


class Question:
    """Waits for an answer, by typing into an entry or, without one, by a single key, a click or a mark on a slider.

    Attributes:
        name: of the piece that asks.
        stores: the column that the answer goes into.
        keys: what each key means.
        clicks: what a click on each component means.
        values: all that may be answered, where that is a list.
        open: whether it may be answered by now.
        asked_at: time of the flip with which the keyboard was cleared; None before.
        first_key_at: time of the first key; None before.
    """

    def __init__(
        self, entry: WordEntry | NumberEntry | None, *, name: str = "", stores: str = "response",
        keys: Mapping[str, str] | None = None, clicks: Mapping[str, str] | None = None, values: Sequence[Any] = (),
    ) -> None:  # fmt: skip
        self.entry, self.name, self.stores = entry, name, stores
        self.keys, self.clicks, self.values = keys or {}, clicks or {}, values
        self.open = True
        self.asked_at: float | None = None
        self.first_key_at: float | None = None
        self._seen = self._sent = 0
        self._sent_at = 0.0

    @property
    def refused(self) -> int:
        """How often return was pressed on something that is not in the list."""
        return self.entry.refused if isinstance(self.entry, WordEntry) else 0

    @property
    def pointed(self) -> bool:
        """Whether the mouse is needed."""
        return bool(self.clicks) or (self.entry is None and not self.keys)

    def read(self, keys: Sequence[Any]) -> tuple[Any, float] | None:
        """Take the keys that are new; returns the answer and its time once one is given.

        Args:
            keys: PsychoPy's key presses since the question was asked.
        """
        for key in keys[self._seen :]:
            self._seen += 1
            time_s = self._time_of(key)
            self.first_key_at = time_s if self.first_key_at is None else self.first_key_at
            answer = self.entry.key(key.name) if self.entry is not None else self.keys.get(key.name)
            if answer is not None:
                return answer, time_s
        return None

    def text(self) -> str:
        """What the participant sees of what was typed."""
        return "\n".join(self.entry.lines()) if self.entry is not None else ""

    def next_key(self, wanted: str) -> str | None:
        """The key that brings what was typed nearer to a wanted answer; None while an earlier one is on its way."""
        # Not before the keyboard is cleared: what was pressed earlier is lost.
        waiting = self._sent > self._seen and time.monotonic() - self._sent_at < _LOST_S
        if self.asked_at is None or waiting:
            return None
        self._sent, self._sent_at = self._seen + 1, time.monotonic()
        if self.entry is None:
            return wanted
        typed, whole = self.entry.typed, fold(wanted)
        if typed == whole:
            return "return"
        return whole[len(typed)] if whole.startswith(typed) else "backspace"

    def key_for(self, answer: Any) -> str:
        """The key that gives an answer; of an entry, the answer itself."""
        return next((key for key, value in self.keys.items() if value == answer), str(answer))

    def _time_of(self, key: Any) -> float:
        from psychopy import logging

        # Without PsychToolbox, PsychoPy times keys by another clock: then it is the time of the frame that saw the key.
        now = float(logging.defaultClock.getTime())
        return float(key.tDown) if (self.asked_at or 0) <= key.tDown <= now else now
