"""A participant's trials: the plan, what was heard and answered in every run so far, and what remains."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .stop import stopped
from .tables import StreamedTable, cell_of, read_table, stamp

PARTS = ("headphone", "demo", "main")
TRIAL_COLUMNS = (
    "participant", "run", "part", "attempt", "trial", "catch", "source", "condition", "observer", "layer", "stimulus_id",
    "file", "sha256", "word", "answer", "correct", "status", "played", "underflows", "onset_s", "duration_s", "rt_s", "first_key_s",
    "replaced", "headphone_passed", "time",
)  # fmt: skip
_STARTED_COLUMNS = ("run", "part", "attempt", "trial")
Trial = tuple[str, int, int]


def read_plan(path: Path) -> list[dict[str, Any]]:
    """The rows of a participant's conditions file, numbers as numbers."""
    with open(path, encoding="utf-8", newline="") as stream:
        return [
            {name: int(cell) if cell.isdigit() else cell for name, cell in row.items()}
            for row in csv.DictReader(stream)
        ]


class TrialLog:
    """Two tables of one participant, which each of their runs goes on with.

    ``STEM_started.tsv`` gets a line on the disk before a sound is played, ``STEM_trials.tsv`` a row when it has been
    answered. A sound that was started and never answered, because the run died, becomes a row with the status
    ``interrupted`` and is never played again.

    Args:
        stem: path of both tables without their last words.
        plan: the participant's rows (see ``read_plan``).
        describe: the columns of a trial that follow from its row in the plan.
        passes: correct answers of the headphone check that pass it; 0 where there is no check.
    """

    def __init__(self, stem: Path, participant: int, plan: list[dict[str, Any]], describe: Any, *, passes: int) -> None:
        self._participant, self._plan, self._describe, self._passes = participant, plan, describe, passes
        trials, started = (Path(f"{stem}_{name}.tsv") for name in ("trials", "started"))
        self.path = trials
        self._rows = read_table(trials)
        if self._rows and tuple(self._rows[0]) != TRIAL_COLUMNS:
            raise stopped(f"{trials.name} is of another version of this experiment: move it to another folder")
        begun = read_table(started)
        self.run = 1 + max([0, *(int(row["run"]) for row in (*self._rows, *begun))])
        self._pending: dict[Trial, dict[str, Any]] = {}
        self._trials = StreamedTable(trials, TRIAL_COLUMNS, append=True)
        self._started = StreamedTable(started, _STARTED_COLUMNS, append=True)
        self.attempt = max([1, *(_key(row)[1] for row in (*self._rows, *begun) if row["part"] == "headphone")])
        answered = {_key(row) for row in self._rows}
        for row in begun:
            if _key(row) not in answered:
                columns = {"run": int(row["run"]), "attempt": int(row["attempt"]), "status": "interrupted"}
                self._add(self._row_of(_key(row)), columns)
        # Whoever failed and has heard nothing else yet may try again, with better headphones.
        if self.checked and not self.passed and not any(row["part"] == "main" for row in self._rows):
            self.attempt += 1

    @property
    def checked(self) -> bool:
        """Whether the current attempt at the headphone check is complete."""
        return self._passes > 0 and not self.remaining("headphone")

    @property
    def correct(self) -> int:
        """Correct answers in the current attempt at the headphone check."""
        return _correct(self._rows, self.attempt)

    @property
    def passed(self) -> bool:
        """Whether these are enough."""
        return self.correct >= self._passes

    def remaining(self, part: str) -> list[int]:
        """The rows of the plan that belong to a part and have not been heard."""
        attempt = self.attempt if part == "headphone" else 1
        heard = {_key(row) for row in self._rows}
        return [
            number
            for number, row in enumerate(self._plan)
            if PARTS[row["part_number"]] == part and (part, attempt, row["trial_number"]) not in heard
        ]

    def start(self, part: str, trial: int) -> None:
        """Put on the disk that a sound is about to be played."""
        attempt = self.attempt if part == "headphone" else 1
        self._pending[part, attempt, trial] = {"run": self.run, "attempt": attempt}
        self._started.add({"run": self.run, "part": part, "attempt": attempt, "trial": trial})
        self._started.flush(to_disk=True)

    def answer(self, part: str, trial: int, columns: Mapping[str, Any]) -> None:
        """Add the row of a trial that was started, and put it on the disk."""
        key = (part, self.attempt if part == "headphone" else 1, trial)
        self._add(self._row_of(key), {**self._pending.pop(key), "status": "answered", **columns})

    def close(self) -> None:
        """Add the rows of what was started and not answered, and close both tables."""
        for key, columns in self._pending.items():
            self._add(self._row_of(key), {**columns, "status": "interrupted"})
        self._pending = {}
        self._trials.close()
        self._started.close()

    def _row_of(self, key: Trial) -> dict[str, Any]:
        part, _, trial = key
        return next(row for row in self._plan if PARTS[row["part_number"]] == part and row["trial_number"] == trial)

    def _add(self, planned: dict[str, Any], columns: Mapping[str, Any]) -> None:
        part = PARTS[planned["part_number"]]
        known = None if part == "headphone" or not self._passes else self.passed
        row = {
            "participant": self._participant, "part": part, "trial": planned["trial_number"],
            "catch": bool(planned["catch_trial"]), "headphone_passed": known, **self._describe(planned), "time": stamp(), **columns,
        }  # fmt: skip
        self._trials.add(row)
        self._trials.flush(to_disk=True)
        self._rows.append({name: cell_of(row.get(name)) for name in TRIAL_COLUMNS})


def finished(stem: Path, plan: list[dict[str, Any]], *, passes: int) -> bool:
    """Whether a participant has heard every main trial, or, where there are none, has passed the headphone check."""
    rows, begun = (read_table(Path(f"{stem}_{name}.tsv")) for name in ("trials", "started"))
    main = {("main", 1, row["trial_number"]) for row in plan if row["part_number"] == PARTS.index("main")}
    if main:
        return main <= {_key(row) for row in (*rows, *begun)}
    return bool(rows) and _correct(rows, max(_key(row)[1] for row in rows)) >= passes


def _correct(rows: list[dict[str, str]], attempt: int) -> int:
    check = [row for row in rows if row["part"] == "headphone" and _key(row)[1] == attempt]
    return sum(row["correct"] == cell_of(True) for row in check)


def _key(row: Mapping[str, Any]) -> Trial:
    return row["part"], int(row["attempt"]), int(row["trial"])
