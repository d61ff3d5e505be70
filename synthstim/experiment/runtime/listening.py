"""Experiments that play sounds: each is heard once, answered, and never heard again, whatever happens to the computer."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .checksums import sha256_of
from .completion import NumberEntry, WordEntry
from .pages import Figures, figures_of_page, figures_of_trial, is_right, pages_of
from .participants import Participants
from .player import Player
from .question import Question
from .session import Session
from .simulate import guessing, simulated
from .speaker import sound_device, sound_problems
from .stop import stopped
from .trials import PARTS, TrialLog

# How long a simulated participant listens to the noise that sets the volume.
_NOISE_HEARD_S = 1.0


class Listening(Session):
    """A session of one participant, who hears sounds and answers.

    Attributes:
        participant: the number; None until it is known.
        headphone_known: whether the headphone check was complete before this run.
        demo_known: whether the demonstration was.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.participant: int | None = None
        self.headphone_known = self.demo_known = False
        self._participants = Participants(self.directory, self.manifest)
        self._given = self._participants.given(self.settings)
        self._device = sound_device()
        self._sound_problems = sound_problems(self._device, self.manifest["rate_hz"])
        if self._sound_problems and self.settings["sound"]["check"] and not simulated():
            raise stopped("; ".join(self._sound_problems) + ", or switch sound.check off in settings.json")
        self._trials: TrialLog | None = None
        self._planned: dict[str, Any] | None = None
        self._question: Question | None = None
        self._shown, self._answer, self._resumed, self._page = "", "", "", 0
        self._play_due = self._started = False
        self._onset: float | None = None

    # What fields of components ask for.

    def text(self, name: str) -> str:
        """A text of the protocol, with what is known now in its braces."""
        return super().text(name).format_map(self._figures())

    def conditions(self) -> str:
        """The conditions file of the participant."""
        return self._participants.conditions(self.participant or 0)

    def rows(self, part: str) -> list[int]:
        """The rows of it that belong to a part and have not been heard; the first row where none remains."""
        # PsychoPy reads a row even of a loop that is not repeated once.
        return self._log.remaining(part) or [0]

    def repeats(self, part: str) -> int:
        """How often the loop of a part runs: once, or never where nothing of it remains."""
        return int(bool(self._log.remaining(part)))

    def pages(self) -> int:
        """How many pages the list of words fills."""
        return pages_of(self.manifest)

    # What code components call.

    def load(self, part: int, trial: int, item: int) -> None:
        """Take the sound of a trial into memory."""
        self._planned = {"part_number": int(part), "trial_number": int(trial), "item": int(item)}
        self._load(int(item))

    def load_fixed(self, name: str) -> None:
        """Take a sound that belongs to no trial into memory: ``level``."""
        self._planned = None
        self._load(self.manifest["fixed"][name])

    def sounding(self, due: bool) -> bool:
        """Play the sound at the flip after it is due; whether it is over."""
        if due and not self._started and self._player.ready:
            self._started = self._play_due = True
            if self._planned is not None:
                self._log.start(PARTS[self._planned["part_number"]], self._planned["trial_number"])
        return self._onset is not None and self._player.over

    def repeating(self, due: bool) -> None:
        """Play the sound at the flip after it is due, and again whenever it is over."""
        if self.sounding(due):
            self._load(self._item)

    def silence(self) -> None:
        """End what sounds still."""
        self._played, self._underflows = self._player.played, self._player.underflows
        self._player.stop()

    def ask(self, what: str) -> None:
        """Begin to wait for an answer: ``words``, ``participant`` or ``choice``."""
        entry: WordEntry | NumberEntry | None = None
        if what != "choice":
            entry = WordEntry(self.manifest["words"]) if what == "words" else NumberEntry(self._participants.claim)
        self._question = Question(entry)
        self._shown = ""

    def typed(self, keys: Sequence[Any], shown: Any) -> bool:
        """Take the keys typed so far and show them; whether an answer is given."""
        if self._question is None:
            return True
        given = self._question.read(keys)
        if given is not None:
            self._take(*given)
        elif (text := self._question.text()) != self._shown:
            shown.text = self._shown = text
        return given is not None

    def chose(self, keys: Sequence[Any]) -> None:
        """Take the key that ended a routine as the answer."""
        if self._question is not None and (given := self._question.read(keys)) is not None:
            self._take(*given)

    def frame(self, **components: Any) -> None:
        """Ask to be told of the coming flip; called last in each frame."""
        super().frame(**components)
        if simulated():
            # A virtual display has no refresh to wait for: the script would take the time that the sound needs.
            time.sleep(0.015)

    def leave(self) -> None:
        """End a routine: turn a page of words, stop after a failed headphone check."""
        # A routine that is left out begins all the same, and asks.
        self._question = None
        if self._routine == "word_page":
            self._page += 1
        if self._routine == "headphone_result" and not self.headphone_known:
            self.headphone_known = True
            if not self._log.passed and self.manifest["settings"]["headphone_fail"] == "stop":
                from psychopy.constants import FINISHED

                self._experiment.status = FINISHED

    # What the base asks for.

    def _open(self, stem: str) -> dict[str, Any]:
        self._player = Player()
        # Opens the stream, long before the first sound.
        self.load_fixed("level")
        facts = {"sound_device": self._device, "sound_problems": self._sound_problems}
        return facts | (self._take_participant(self._given) if self._given is not None else {})

    def _close(self) -> dict[str, Any]:
        self._player.stop()
        if self._trials is None:
            return {"status": "stopped early"}
        log = self._trials
        log.close()
        self._participants.release()
        remaining = {part: len(log.remaining(part)) for part in PARTS}
        last = next(
            part for part in reversed(PARTS) if any(row["part_number"] == PARTS.index(part) for row in self._plan)
        )
        failed = log.checked and not log.passed and (last == "headphone" or remaining[last])
        return {
            "status": "headphone check failed" if failed else "stopped early" if remaining[last] else "completed",
            "remaining": remaining,
            "headphone_correct": log.correct if log.checked else None,
            "headphone_passed": log.passed if log.checked else None,
            "reported_latency_s": self._player.latency_s,
        }

    def _flip(self, time_s: float, ended: bool) -> None:
        from psychopy import logging

        if self._question is not None and self._question.asked_at is None:
            self._question.asked_at = time_s
        if ended:
            return
        if self._play_due:
            self._play_due = False
            self._player.play()
            self._onset = logging.defaultClock.getTime()
            self._send(self.stimuli[self._item]["marker_code"])
        elif self._marker_due is not None:
            self._send(self._marker_due)
            self._marker_due = None

    def _next_key(self) -> str | None:
        question = self._question
        if question is not None:
            return question.next_key(self._imagined(question))
        # Nobody sets the volume without having heard the noise.
        unheard = self._routine == "set_level" and not self._heard_for(_NOISE_HEARD_S)
        return None if unheard else super()._next_key()

    def _heard_for(self, seconds: float) -> bool:
        from psychopy import logging

        return self._onset is not None and logging.defaultClock.getTime() - self._onset > seconds

    # Inside.

    @property
    def _log(self) -> TrialLog:
        if self._trials is None:
            raise RuntimeError("no participant yet")
        return self._trials

    def _load(self, item: int) -> None:
        self._item = item
        self._duration = self._player.load(self.directory / self.stimuli[item]["file"])
        self._play_due = self._started = False
        self._onset = None

    def _take(self, answer: Any, time_s: float) -> None:
        """Write an answer down, or go on with a participant's number."""
        question, self._question = self._question, None
        if question is not None and isinstance(question.entry, NumberEntry):
            self._record |= self._take_participant(answer)
            self._write_record()
        if question is None or self._planned is None or self._onset is None:
            return
        self._answer = answer
        first = question.first_key_at if question.first_key_at is not None else time_s
        columns = {
            "answer": answer, "correct": is_right(answer, self.stimuli[self._item]), "played": self._played,
            "underflows": self._underflows, "onset_s": self._onset, "rt_s": time_s - self._onset,
            "first_key_s": first - self._onset, "replaced": question.refused,
        }  # fmt: skip
        self._log.answer(PARTS[self._planned["part_number"]], self._planned["trial_number"], columns)
        for name in ("answer", "correct", "rt_s"):
            self._experiment.addData(name, columns[name])

    def _take_participant(self, number: int) -> dict[str, Any]:
        """Go on with a participant's tables; what goes into the record."""
        self.participant = number
        everybody = self._participants
        self._plan = everybody.plan(number)
        self._trials = TrialLog(everybody.stem(number), number, self._plan, self._describe, passes=everybody.passes)
        self.headphone_known = not self.repeats("headphone")
        self.demo_known = not self.repeats("demo")
        count = sum(row["part_number"] == PARTS.index("main") for row in self._plan)
        if done := count - len(self._trials.remaining("main")):
            self._resumed = self.manifest["texts"]["resumed"].format(done=done, count=count)
        self._experiment.extraInfo["participant"] = number
        order = sha256_of(self.directory / self.conditions())
        return {"participant": number, "run": self._trials.run, "trials": self._trials.path.name, "order_sha256": order}

    def _describe(self, planned: dict[str, Any]) -> dict[str, Any]:
        stimulus = self.stimuli[planned["item"]]
        names = ("source", "condition", "observer", "layer", "stimulus_id", "file", "sha256", "word", "duration_s")
        return {name: stimulus[name] for name in names}

    def _figures(self) -> Figures:
        figures = Figures(
            figures_of_page(self.manifest, self._page), participant=self.participant, resumed=self._resumed
        )
        if self._trials is not None:
            verdict = "passed" if self._trials.passed else "failed"
            figures["headphone_result"] = self.manifest["texts"].get(f"headphone_{verdict}")
        if self._planned is not None:
            figures.update(figures_of_trial(self.manifest, self._plan, self._planned, self._answer))
        return figures

    def _imagined(self, question: Question) -> str:
        """What a simulated participant answers: tones and recordings rightly, metamers every other time."""
        if isinstance(question.entry, NumberEntry):
            return str(self._participants.first_free() or 0)
        stimulus = self.stimuli[self._item]
        chance = random.Random(f"{self.participant} {stimulus['stimulus_id']}")
        hard = guessing() or (stimulus["kind"] == "metamer" and chance.random() < 0.5)
        choices = self.manifest["words"] if question.entry is not None else ["1", "2", "3"]
        return chance.choice(choices) if hard else str(stimulus["word"])
