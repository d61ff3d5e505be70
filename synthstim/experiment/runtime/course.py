"""A participant's way through the plan: what is still to come, what staircases choose, what is written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .current_trial import CurrentTrial
from .participants import Participants
from .plan import MISSING, PARTS, part_of, require_same
from .trials import ABORTED, TrialLog


class Course:
    """The plan of one participant, and the table of what they did of it.

    Attributes:
        plan: the rows of the plan, in order.
        log: the table.

    Raises:
        SystemExit: the plan, the order or the table were altered.
    """

    def __init__(
        self, directory: Path, manifest: Mapping[str, Any], participants: Participants, number: int, columns: Sequence[str]
    ) -> None:  # fmt: skip
        self.plan = participants.plan(number)
        require_same(directory / participants.conditions(number), self.plan, manifest["slots"])
        self.log = TrialLog(participants.stem(number), self.plan, columns, passes=participants.passes)
        self._columns = frozenset(columns)
        self._tracks: Any = None
        if manifest["design"]["method"]["kind"] != "constant":
            from .adaptive import Tracks

            self._tracks = Tracks.read(directory, manifest, number)
            self._tracks.replay(self.log.rows)

    def count(self, part: str) -> int:
        """How many trials a part has."""
        return sum(part_of(row) == part for row in self.plan)

    def begin(self, part: str, trial: int) -> CurrentTrial:
        """A trial of the plan, with what a staircase chooses for it."""
        planned = next(row for row in self.plan if part_of(row) == part and row["trial"] == trial)
        track = planned["track"]
        if self._tracks is None or track == MISSING:
            return CurrentTrial(planned, {})
        return CurrentTrial(planned, None if self._tracks.finished(track) else self._tracks.next(track))

    def attempts(self, trial: CurrentTrial) -> int:
        """How often a trial has been aborted."""
        number = str(trial.planned["trial"])
        return sum(row["status"] == ABORTED and row["trial"] == number for row in self.log.rows)

    def start(self, trial: CurrentTrial) -> None:
        """Put a trial on the disk, before the first of its stimuli."""
        if not trial.begun:
            trial.begun = True
            self.log.start(trial.part, trial.planned["trial"])

    def answer(self, trial: CurrentTrial, columns: Mapping[str, Any]) -> None:
        """Write a trial down, and tell its staircase."""
        told, track = dict(columns), trial.planned["track"]
        if self._tracks is not None and track != MISSING and told["correct"] is not None:
            told |= self._tracks.answer(track, trial.chosen["level"], bool(told["correct"]))
        kept = {name: told[name] for name in told if name in self._columns}
        self.log.answer(trial.part, trial.planned["trial"], kept)

    def close(self) -> dict[str, Any]:
        """Close the table; what the record says of the participant's way."""
        log = self.log
        log.close()
        remaining = {part: len(self._to_come(part)) for part in PARTS}
        last = next(part for part in reversed(PARTS) if self.count(part))
        failed = log.checked and not log.passed and (last == "headphone" or remaining[last])
        return {
            "status": "headphone check failed" if failed else "stopped early" if remaining[last] else "completed",
            "remaining": remaining,
            "headphone_correct": log.correct if log.checked else None,
            "headphone_passed": log.passed if log.checked else None,
        }

    def _to_come(self, part: str) -> list[int]:
        rows = self.log.remaining(part)
        if self._tracks is None:
            return rows
        return [row for row in rows if not self._tracks.finished(self.plan[row]["track"])]


__all__ = ["Course"]
