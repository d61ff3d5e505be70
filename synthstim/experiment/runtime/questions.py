"""Questions of an experiment made of trials: asked by its code components, answered by keys, words, clicks and marks on sliders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .answers import Given, question_of
from .clock import clock_s
from .completion import NumberEntry
from .current_trial import CurrentTrial
from .imagined import imagined_answer
from .participants import Participants
from .question import Question
from .simulate import click, simulated


class Questions:
    """Asks one question at a time.

    Args:
        take: what is done with an answer: of a participant's number, the number alone.

    Attributes:
        question: the one that is asked now.
        trial: the one that runs.
        participant: the number, 0 before it is known.
    """

    def __init__(
        self, manifest: Mapping[str, Any], participants: Participants, take: Callable[[str, Given], None]
    ) -> None:
        self._manifest, self._participants, self._answered = manifest, participants, take
        self.question: Question | None = None
        self.trial: CurrentTrial | None = None
        self.participant = 0
        self._typed = ""

    def open(self, window: Any) -> None:
        """Take the window's characters, in whatever script."""
        self._window = window
        window.winHandle.push_handlers(on_text=self._type_in)

    # What code components call.

    def ask(self, piece: str, *, later: bool = False) -> None:
        """Begin to wait for the answer to a question: from the routine's first flip on, or later."""
        asked = self._manifest["questions"][piece]
        self.question = question_of(piece, asked, self._manifest, self._participants.claim)
        self.question.open = not later
        self._typed = ""
        if self.question.pointed:
            self._window.mouseVisible = True

    def asks_now(self, begun: bool) -> None:
        """Say whether the keyboard of a question that comes later has been cleared by now."""
        if self.question is not None:
            self.question.open = begun

    def typed(self, keys: Sequence[Any], shown: Any) -> bool:
        """Take the keys typed so far and show them; whether an answer is given."""
        if self.question is None:
            return True
        given = self.question.read(keys)
        if given is not None:
            self._take(*given)
        elif (text := self.question.text()) != self._typed:
            shown.text = self._typed = text
        return given is not None

    def chose(self, keys: Sequence[Any]) -> None:
        """Take the key that ended a routine as the answer."""
        if self.question is not None and (given := self.question.read(keys)) is not None:
            self._take(*given)

    def clicked(self, names: Sequence[str]) -> None:
        """Take the component that was clicked last as the answer."""
        if self.question is not None and names:
            self._take(self.question.clicks[names[-1]], clock_s())

    def rated(self, value: Any) -> None:
        """Take the mark on a slider as the answer, where one was made."""
        if self.question is not None and value is not None:
            self._take(value, clock_s())

    def imagine(self, pointed: Any, **components: Any) -> None:
        """Mark a slider, or click on one of the components, where nobody is there to do it."""
        question = self.question
        if not simulated() or question is None or question.asked_at is None:
            return
        answer = self._imagined_value(question)
        if not components:
            pointed.recordRating(answer)
        elif self._clicks(question):
            click(pointed, components[next(name for name, value in question.clicks.items() if value == answer)])

    # What the session calls.

    def flipped(self, time_s: float) -> None:
        """A flip returned: a question that is open has been asked with the first one."""
        if self.question is not None and self.question.open and self.question.asked_at is None:
            self.question.asked_at = time_s

    def next_key(self) -> str | None:
        """The key that a simulated participant presses to answer; None for none."""
        question = self.question
        if question is None or self._clicks(question) or (question.entry is None and not question.keys):
            return None
        return question.next_key(self._imagined(question))

    def leave(self) -> None:
        """End a routine, answered or not."""
        # A routine that is left out begins all the same, and asks.
        if self.question is not None and self.question.pointed:
            self._window.mouseVisible = False
        self.question = None

    # Inside.

    def _take(self, value: Any, time_s: float) -> None:
        question, self.question = self.question, None
        if question is not None:
            first = question.first_key_at if question.first_key_at is not None else time_s
            stores = "participant" if isinstance(question.entry, NumberEntry) else question.stores
            self._answered(stores, Given(value, time_s, first, question.refused))

    def _type_in(self, text: str) -> None:
        if self.question is not None:
            self.question.type_in(text, clock_s())

    def _clicks(self, question: Question) -> bool:
        """Whether the simulated participant clicks: every other time, or always where there are no keys."""
        trial = self.trial.planned["trial"] if self.trial is not None else 0
        return bool(question.clicks) and (not question.keys or trial % 2 == 1)

    def _imagined(self, question: Question) -> str:
        if isinstance(question.entry, NumberEntry):
            return str(self._participants.first_free() or 0)
        return question.key_for(self._imagined_value(question))

    def _imagined_value(self, question: Question) -> Any:
        planned, level = ({}, None) if self.trial is None else (self.trial.planned, self.trial.chosen.get("level"))
        return imagined_answer(question, planned, self._manifest, self.participant, level)


__all__ = ["Questions"]
