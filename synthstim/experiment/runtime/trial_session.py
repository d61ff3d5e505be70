"""Experiments made of trials: what stands in the slots of each is presented, asked about, and written down."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from .answers import Given
from .checksums import sha256_of
from .course import Course
from .current_trial import CurrentTrial
from .gaze import LOOKS_AWAY, Gaze
from .pages import Figures, figures_of_page, pages_of
from .participants import Participants
from .plan import MISSING, PARTS, RIGHT
from .questions import Questions
from .session import Session
from .trials import trial_columns


class TrialSession(Session):
    """A session of one participant, whose trials follow the plan; what presents the stimuli is added by those for images and others.

    Attributes:
        participant: the number; None until it is known.
        asking: what asks; code components call it.
        headphone_known: whether the headphone check was complete before this run.
        practice_known: whether the practice was.
    """

    def __init__(self, directory: str | Path) -> None:
        super().__init__(directory)
        self.participant: int | None = None
        self.headphone_known = self.practice_known = False
        self._gaze: Gaze | None = None
        self._by_file = {stimulus["file"]: stimulus for stimulus in self.stimuli}
        self._participants = Participants(self.directory, self.manifest)
        self._given = self._participants.given(self.settings)
        self.asking = Questions(self.manifest, self._participants, self._take)
        self._course: Course | None = None
        self._trial: CurrentTrial | None = None
        self._resumed, self._page = "", 0

    @property
    def skips(self) -> bool:
        """Whether what remains of the trial is left out."""
        return self._trial is not None and self._trial.skips

    @property
    def times_out(self) -> bool:
        """Whether the trial ends with a pause."""
        return self._trial is not None and self._trial.times_out

    # What fields of components ask for.

    def text(self, name: str) -> str:
        """A text of the protocol, with what is known now in its braces."""
        figures = self._figures()
        # Not str.format: whoever edits texts.yaml may leave a brace.
        return re.sub(r"\{(\w+)\}", lambda found: str(figures[found[1]]), super().text(name))

    def conditions(self) -> str:
        """The conditions file of the participant."""
        return self._participants.conditions(self.participant or 1)

    def rows(self, part: str) -> list[int]:
        """The rows of it that belong to a part and are still to come; the first row where none is."""
        # PsychoPy reads a row even of a loop that is not repeated once.
        return self._on_course.log.remaining(part) or [0]

    def repeats(self, part: str) -> int:
        """How often the loop of a part runs: once, or never where nothing of it remains."""
        return int(bool(self._on_course.log.remaining(part)))

    def pages(self) -> int:
        """How many pages the list of words fills."""
        return pages_of(self.manifest)

    # What code components call.

    def trial(self, part: int, trial: int) -> None:
        """Begin a trial: the numbers are those of the row of the conditions file."""
        course = self._on_course
        current = course.begin(PARTS[int(part)], int(trial))
        if self._gaze is not None:
            self._gaze.imagine(course.attempts(current) == 0 and int(trial) % LOOKS_AWAY == LOOKS_AWAY - 1)
        self._trial = self.asking.trial = current

    def looks(self, radius_px: float, due: bool, in_time: bool) -> bool:
        """Whether the gaze has come within a radius; a trial that it does not come to in time is aborted."""
        if self._gaze is None or self.skips or not (due or not in_time):
            return False
        if in_time and self._gaze.within(radius_px):
            return True
        if not in_time:
            self._abort()
        return not in_time

    def holds(self, radius_px: float, due: bool, in_time: bool) -> bool:
        """Whether the gaze has left a radius, while it was to stay there: then the trial is aborted."""
        if self._gaze is None or self.skips or not due or self._gaze.within(radius_px):
            return False
        self._abort()
        return True

    def reward_if_right(self) -> None:
        """Give a reward, but for a trial that was aborted, not answered, or answered wrongly."""
        trial = self._trial
        if trial is None or trial.skips:
            return
        trial.times_out = trial.planned[RIGHT] != MISSING and not trial.right(self.manifest)
        if not trial.times_out:
            self.reward()

    def rounds(self) -> int:
        """How often the trials that were aborted come again, at most."""
        return int(self.manifest["settings"].get("rounds", 1))

    def leave(self) -> None:
        """End a routine: turn a page of words, stop after a failed headphone check."""
        self.asking.leave()
        if self._routine == "word_page":
            self._page += 1
        if self._routine == "headphone_result" and not self.headphone_known:
            self.headphone_known = True
            if not self._on_course.log.passed and self.manifest["settings"]["headphone_fail"] == "stop":
                from psychopy.constants import FINISHED

                self._experiment.status = FINISHED

    def end_trial(self) -> None:
        """Write the trial down."""
        trial, self._trial = self._trial, None
        self.asking.trial = None
        if trial is None or (trial.skips and not trial.aborted):
            return
        columns = trial.columns(self.manifest) | self._presented()
        self._on_course.answer(trial, columns)
        for name in ("response", "correct", "response_time"):
            self._experiment.addData(name, columns[name])

    # What the base asks for.

    def _open(self, stem: str) -> dict[str, Any]:
        self.asking.open(self._window)
        if (tracker := self.settings["eye_tracker"]) is not None:
            self._gaze = Gaze(tracker, self._window)
        facts = self._open_presenting(stem)
        return facts | (self._take_participant(self._given) if self._given is not None else {})

    def _close(self) -> dict[str, Any]:
        facts = self._close_presenting()
        if self._gaze is not None:
            self._gaze.close()
        if self._course is None:
            return facts | {"status": "stopped early"}
        told = self._course.close()
        self._participants.release()
        return facts | told

    def _flip(self, time_s: float, ended: bool) -> None:
        self.asking.flipped(time_s)

    def _next_key(self) -> str | None:
        if self.asking.question is not None:
            return self.asking.next_key()
        return super()._next_key()

    # What presents the stimuli.

    def _open_presenting(self, stem: str) -> dict[str, Any]:
        """Open it; the facts returned go into the record."""
        raise NotImplementedError

    def _presented(self) -> dict[str, Any]:
        """What the table says of how the trial was presented."""
        raise NotImplementedError

    def _close_presenting(self) -> dict[str, Any]:
        """Close it; the facts returned go into the record."""
        raise NotImplementedError

    # Inside.

    @property
    def _on_course(self) -> Course:
        if self._course is None:
            raise RuntimeError("no participant yet")
        return self._course

    def _file(self, cell: str) -> str:
        """The file that a cell names; ``@a`` stands for what the staircase chose."""
        chosen = self._trial.chosen if self._trial is not None else {}
        if cell.startswith("@"):
            return str(chosen[cell[1:]]) if chosen else next(iter(self._by_file))
        return cell if cell in self._by_file else next(iter(self._by_file))

    def _of_slot(self, trial: CurrentTrial, slot: str, cell: str) -> dict[str, Any]:
        stimulus = self._by_file[self._file(cell)]
        trial.hold(slot, stimulus)
        return stimulus

    def _abort(self) -> None:
        self._begin()
        if self._trial is not None:
            self._trial.abort()

    def _begin(self) -> None:
        if self._trial is not None:
            self._on_course.start(self._trial)

    def _take(self, stores: str, given: Given) -> None:
        """Keep an answer, or go on with a participant's number."""
        if stores == "participant":
            self._record |= self._take_participant(given.value)
            self._write_record()
        elif self._trial is not None:
            self._trial.answers[stores] = given

    def _take_participant(self, number: int) -> dict[str, Any]:
        """Go on with a participant's tables; what goes into the record."""
        self.participant = self.asking.participant = number
        manifest = self.manifest
        at_ear = any("level_db_spl" in stimulus for stimulus in self.stimuli)
        adapts = manifest["design"]["method"]["kind"] != "constant"
        columns = trial_columns(manifest["columns"], manifest["slots"], adaptive=adapts, at_ear=at_ear)
        course = self._course = Course(self.directory, manifest, self._participants, number, columns)
        self.headphone_known = not self.repeats("headphone")
        self.practice_known = not self.repeats("practice")
        count = course.count("main")
        if (done := count - len(course.log.remaining("main"))) and "resumed" in self._texts:
            self._resumed = self._texts["resumed"].format(done=done, count=count)
        self._experiment.extraInfo["participant"] = number
        order = sha256_of(self.directory / self.conditions())
        log = course.log
        return {"participant": number, "run": log.session, "trials": log.path.name, "order_sha256": order}

    def _figures(self) -> Figures:
        figures = Figures(
            figures_of_page(self.manifest, self._page), participant=self.participant, resumed=self._resumed
        )
        if self._course is not None:
            verdict = "passed" if self._course.log.passed else "failed"
            figures["headphone_result"] = self._texts.get(f"headphone_{verdict}", "")
            if self._trial is not None:
                figures.update(self._trial.figures(self.manifest, self._course.count(self._trial.part), self._texts))
        return figures
