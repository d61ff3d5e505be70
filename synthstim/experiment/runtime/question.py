"""A question to the participant: what is typed or pressed, when, and what a simulated participant would press."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from .clock import clock_s
from .completion import NumberEntry, WordEntry, fold
from .simulate import simulated

# Whether the window's characters come at all, by an input method or the keyboard's own layout; until one has come, a letter's
# key waits so long for its character, which it would double.
_CHARACTER_S = 0.1
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
        by_characters: whether letters come as characters, not as keys: once one has come, of every question.
        open: whether it may be answered by now.
        asked_at: time of the flip with which the keyboard was cleared; None before.
        first_key_at: time of the first key; None before.
    """

    by_characters = False

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
        self._characters: list[tuple[str, float]] = []
        self._letter_seen_at: float | None = None

    @property
    def refused(self) -> int:
        """How often return was pressed on something that is not in the list."""
        return self.entry.refused if isinstance(self.entry, WordEntry) else 0

    @property
    def pointed(self) -> bool:
        """Whether the mouse is needed."""
        return bool(self.clicks) or (self.entry is None and not self.keys)

    def type_in(self, text: str, time_s: float) -> None:
        """Take characters that the window was given, in whatever script."""
        if isinstance(self.entry, WordEntry) and text.isprintable():
            Question.by_characters = True
            self._characters += [(letter, time_s) for letter in text]

    def read(self, keys: Sequence[Any]) -> tuple[Any, float] | None:
        """Take the keys that are new; returns the answer and its time once one is given.

        Args:
            keys: PsychoPy's key presses since the question was asked.
        """
        while self._characters and self.entry is not None:
            letter, time_s = self._characters.pop(0)
            self.first_key_at = time_s if self.first_key_at is None else self.first_key_at
            self.entry.key(letter)
        for key in keys[self._seen :]:
            if self._is_letter(key.name):
                if Question.by_characters:
                    self._seen += 1
                    continue
                if self._waits_for_character(self._time_of(key)):
                    return None
            self._seen += 1
            time_s = self._time_of(key)
            self.first_key_at = time_s if self.first_key_at is None else self.first_key_at
            answer = self.entry.key(key.name) if self.entry is not None else self.keys.get(key.name)
            if answer is not None:
                return answer, time_s
        return None

    def _is_letter(self, name: str) -> bool:
        return isinstance(self.entry, WordEntry) and len(name) == 1 and not simulated()

    def _waits_for_character(self, time_s: float) -> bool:
        self._letter_seen_at = time_s if self._letter_seen_at is None else self._letter_seen_at
        if clock_s() - self._letter_seen_at < _CHARACTER_S:
            return True
        self._letter_seen_at = None
        return False

    def text(self) -> str:
        """What the participant sees of what was typed."""
        return "\n".join(self.entry.lines()) if self.entry is not None else ""

    def next_key(self, wanted: str) -> str | None:
        """The key that brings what was typed nearer to a wanted answer; None while an earlier one is on its way."""
        # Not before the keyboard is cleared: what was pressed earlier is lost.
        waiting = self._sent > self._seen and time.monotonic() - self._sent_at < _LOST_S
        if self.asked_at is None or waiting or self._characters:
            return None
        if self.entry is not None and (letter := _next_letter(self.entry.typed, fold(wanted))) and not letter.isascii():
            # No key gives it: it comes as a character, as of an input method.
            self.type_in(letter, clock_s())
            return None
        self._sent, self._sent_at = self._seen + 1, time.monotonic()
        if self.entry is None:
            return wanted
        typed, whole = self.entry.typed, fold(wanted)
        return "return" if typed == whole else _next_letter(typed, whole) or "backspace"

    def key_for(self, answer: Any) -> str:
        """The key that gives an answer; of an entry, the answer itself."""
        return next((key for key, value in self.keys.items() if value == answer), str(answer))

    def _time_of(self, key: Any) -> float:
        # Without PsychToolbox, PsychoPy times keys by another clock: then it is the time of the frame that saw the key.
        now = clock_s()
        return float(key.tDown) if (self.asked_at or 0) <= key.tDown <= now else now


def _next_letter(typed: str, whole: str) -> str:
    return whole[len(typed)] if whole.startswith(typed) and typed != whole else ""
