"""The columns of trials: their types, and the names that listening tests had for them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.experiment.runtime.tables import MISSING
from synthstim.experiment.runtime.trials import TRACK_COLUMNS

ANSWERED, INTERRUPTED, ABORTED, NO_RESPONSE = "answered", "interrupted", "aborted", "no_response"
STATUSES = (ANSWERED, INTERRUPTED, ABORTED, NO_RESPONSE)
PHASES = ("headphone", "practice", "main", "catch")
# Today's name of what listening tests of earlier exports call otherwise.
RENAMED = {
    "run": "session", "part": "phase", "word": "right", "answer": "response", "rt_s": "response_time", "source": "pair",
}  # fmt: skip
_PHASES = {"demo": "practice"}
_WHOLE = ("participant", "session", "run", "attempt", "trial")
_NUMBERS = (
    "level", "response_time", "rt_s", "confidence", "confidence_time", "missed_refreshes", "underflows", "onset_s",
    "duration_s", "first_key_s", "first_key_time", *TRACK_COLUMNS,
)  # fmt: skip
_FLAGS = ("catch", "correct", "played")
# Experiments exported before said true and false.
_FLAG = {"1": True, "0": False, "true": True, "false": False}


def as_typed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """A table of text with numbers, flags and missing values as such; its other columns stay text.

    Args:
        name: of the file, for messages.

    Raises:
        InputError: a cell is not what its column holds.
    """
    table = table.replace(MISSING, pd.NA)
    for column in [column for column in _WHOLE if column in table]:
        cells = table[column].fillna("1") if column == "attempt" else table[column]
        if not cells.str.fullmatch(r"\d+").all():
            raise InputError(
                f"{name} has a cell in the column {column} that is not a whole number", "restore the table"
            )
        table[column] = cells.astype("int64")
    for column in [column for column in _NUMBERS if column in table]:
        numbers = pd.to_numeric(table[column], errors="coerce")
        if (numbers.isna() & table[column].notna()).any():
            raise InputError(f"{name} has a cell in the column {column} that is not a number", "restore the table")
        table[column] = numbers.astype("float64")
    for column in [column for column in _FLAGS if column in table]:
        if not table[column].dropna().isin(_FLAG).all():
            raise InputError(f"{name} has a cell in the column {column} that is neither 1 nor 0", "restore the table")
        table[column] = table[column].map(_FLAG, na_action="ignore").astype("boolean")
    return table


def as_one_table(table: pd.DataFrame) -> pd.DataFrame:
    """Trials with the columns that every protocol has, whatever protocol wrote them.

    ``participant session phase attempt trial condition right response correct response_time status`` are always there.
    """
    renamed = {old: new for old, new in RENAMED.items() if old in table and new not in table}
    table = table.rename(columns=renamed)
    phase = table["phase"].replace(_PHASES)
    if "catch" in table:
        is_catch = (phase == "main") & table["catch"].astype("boolean").fillna(False).astype(bool)
        table, phase = table.drop(columns="catch"), phase.mask(is_catch, "catch")
    absent: dict[str, Any] = {name: 1 for name in ("session", "attempt") if name not in table}
    absent |= {name: pd.NA for name in ("right", "response", "pair") if name not in table}
    absent |= {name: float("nan") for name in ("response_time",) if name not in table}
    table = table.assign(phase=phase, **absent)
    # Parts that are done once have no attempt.
    table["attempt"] = table["attempt"].fillna(1).astype("int64")
    table["correct"] = (
        table["correct"].astype("boolean") if "correct" in table else pd.array([pd.NA] * len(table), "boolean")
    )
    return table


def answered(table: pd.DataFrame, phase: str = "main") -> pd.DataFrame:
    """The trials of a phase that were answered."""
    return table[(table["phase"] == phase) & (table["status"] == ANSWERED)]
