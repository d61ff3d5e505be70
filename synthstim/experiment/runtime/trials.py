"""A participant's trials: what was shown or heard and answered in every run so far, and what remains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .plan import PARTS, part_of
from .stop import stopped
from .tables import StreamedTable, cell_of, read_table, stamp

_BEGINNING = ("participant", "session", "trial", "phase", "attempt", "block", "condition")
_ANSWER = (
    "right", "response", "correct", "response_time", "first_key_time", "replaced", "confidence", "confidence_time",
    "played", "underflows", "missed_refreshes", "headphone_passed", "status", "time",
)  # fmt: skip
_STARTED_COLUMNS = ("session", "part", "attempt", "trial")
# What is known of a track after the trial, where a rule chooses the levels.
TRACK_COLUMNS = tuple(
    f"track_{name}" for name in ("trials", "reversals", "step", "threshold", "threshold_sd", "slope", "lapse")
)
# What is said of the stimulus in a slot, after its id.
SLOT_COLUMNS = ("sha256", "onset_frame", "onset_s")
# Of sounds, where the rig was calibrated.
LEVEL_COLUMN = "db_spl"
ANSWERED, INTERRUPTED, NO_RESPONSE, ABORTED = "answered", "interrupted", "no_response", "aborted"
Trial = tuple[str, int, int]


def trial_columns(
    conditions: Sequence[str], slots: Sequence[str], *, adaptive: bool = False, at_ear: bool = False
) -> tuple[str, ...]:
    """The columns of trials.tsv.

    Args:
        conditions: names of the columns of the conditions.
        adaptive: whether a rule chooses the levels.
        at_ear: whether levels at the ear are known.
    """
    columns = (*SLOT_COLUMNS, *([LEVEL_COLUMN] if at_ear else []))
    shown = [name for slot in slots for name in (slot, *(f"{slot}_{column}" for column in columns))]
    return (*_BEGINNING, *conditions, "pair", "track", "level", *shown, *_ANSWER, *(TRACK_COLUMNS if adaptive else ()))


class TrialLog:
    """Two tables of one participant, which each of their runs goes on with.

    ``STEM_started.tsv`` gets a line on the disk before a trial's first stimulus, ``STEM_trials.tsv`` a row when it has been
    answered. A trial that was started and never answered, because the run died, becomes a row with the status
    ``interrupted`` and never comes again.

    Args:
        stem: path of both tables without their last words.
        plan: the participant's trials (see ``plan.read_plan``).
        passes: correct answers of the headphone check that pass it; 0 where there is no check.
    """

    def __init__(self, stem: Path, plan: list[dict[str, Any]], columns: Sequence[str], *, passes: int) -> None:
        self._plan, self._columns, self._passes = plan, tuple(columns), passes
        trials, started = (Path(f"{stem}_{name}.tsv") for name in ("trials", "started"))
        self.path = trials
        self.rows = read_table(trials)
        if self.rows and tuple(self.rows[0]) != self._columns:
            raise stopped(f"{trials.name} is of another version of this experiment: move it to another folder")
        begun = read_table(started)
        self.session = 1 + max([0, *(int(row["session"]) for row in (*self.rows, *begun))])
        self._pending: dict[Trial, dict[str, Any]] = {}
        self._trials = StreamedTable(trials, self._columns, append=True)
        self._started = StreamedTable(started, _STARTED_COLUMNS, append=True)
        keys = [_key(row) for row in (*self.rows, *begun)]
        self.attempt = max([1, *(attempt for part, attempt, _ in keys if part == "headphone")])
        answered = {_key(row) for row in self.rows}
        for row in begun:
            if (key := _key(row)) not in answered:
                self._add(key, {"session": int(row["session"]), "status": INTERRUPTED})
        # Whoever failed and has heard nothing else yet may try again, with better headphones.
        if self.checked and not self.passed and not any(part == "main" for part, _, _ in keys):
            self.attempt += 1

    @property
    def checked(self) -> bool:
        """Whether the current attempt at the headphone check is complete."""
        return self._passes > 0 and not self.remaining("headphone")

    @property
    def correct(self) -> int:
        """Correct answers in the current attempt at the headphone check."""
        return _correct(self.rows, self.attempt)

    @property
    def passed(self) -> bool:
        """Whether these are enough."""
        return self.correct >= self._passes

    def remaining(self, part: str) -> list[int]:
        """The rows of the plan that belong to a part and are still to come."""
        attempt = self.attempt if part == "headphone" else 1
        over = {_key(row) for row in self.rows if row["status"] != ABORTED}
        return [
            number
            for number, row in enumerate(self._plan)
            if part_of(row) == part and (part, attempt, row["trial"]) not in over
        ]

    def start(self, part: str, trial: int) -> None:
        """Put on the disk that a trial is about to begin."""
        attempt = self.attempt if part == "headphone" else 1
        self._pending[part, attempt, trial] = {"session": self.session}
        self._started.add({"session": self.session, "part": part, "attempt": attempt, "trial": trial})
        self._started.flush(to_disk=True)

    def answer(self, part: str, trial: int, columns: Mapping[str, Any]) -> None:
        """Add the row of a trial that was started, and put it on the disk."""
        key = (part, self.attempt if part == "headphone" else 1, trial)
        known = self._pending.pop(key, {"session": self.session})
        self._add(key, {**known, "status": ANSWERED, **columns})

    def close(self) -> None:
        """Add the rows of what was started and not answered, and close both tables."""
        for key, columns in self._pending.items():
            self._add(key, {**columns, "status": INTERRUPTED})
        self._pending = {}
        self._trials.close()
        self._started.close()

    def _add(self, key: Trial, columns: Mapping[str, Any]) -> None:
        part, attempt, trial = key
        planned = next(row for row in self._plan if part_of(row) == part and row["trial"] == trial)
        known = None if part == "headphone" or not self._passes else self.passed
        row = {
            **planned, **dict.fromkeys(_slots_of(self._columns)), "attempt": attempt if part == "headphone" else None,
            "headphone_passed": known, "time": stamp(), **columns,
        }  # fmt: skip
        self._trials.add(row)
        self._trials.flush(to_disk=True)
        self.rows.append({name: cell_of(row.get(name)) for name in self._columns})


def finished(stem: Path, plan: list[dict[str, Any]], *, passes: int) -> bool:
    """Whether a participant has done every main trial, or, where there are none, has passed the headphone check."""
    rows, begun = (read_table(Path(f"{stem}_{name}.tsv")) for name in ("trials", "started"))
    main = {("main", 1, row["trial"]) for row in plan if part_of(row) == "main"}
    if main:
        aborted = {_key(row) for row in rows if row["status"] == ABORTED}
        done = {_key(row) for row in rows if row["status"] != ABORTED} | {_key(row) for row in begun} - aborted
        return main <= done
    return bool(rows) and _correct(rows, max(_key(row)[1] for row in rows)) >= passes


def _slots_of(columns: Sequence[str]) -> list[str]:
    return [name.removesuffix("_onset_s") for name in columns if name.endswith("_onset_s")]


def _correct(rows: list[dict[str, str]], attempt: int) -> int:
    check = [row for row in rows if row["phase"] == "headphone" and _key(row)[1] == attempt]
    return sum(row["correct"] == cell_of(True) for row in check)


def _key(row: Mapping[str, Any]) -> Trial:
    part = row["part"] if "part" in row else part_of(row)
    attempt = row["attempt"]
    return part, int(attempt) if str(attempt).isdigit() else 1, int(row["trial"])


__all__ = ["ABORTED", "ANSWERED", "INTERRUPTED", "NO_RESPONSE", "PARTS", "TrialLog", "finished", "trial_columns"]
