"""The files that an analysis writes beside its page: tables, the figure, and the lines for R."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from synthstim.analysis.by_condition.counts import COUNTED
from synthstim.analysis.by_condition.groups import group_columns
from synthstim.analysis.by_condition.proportions import BY_CONDITION
from synthstim.analysis.by_condition.ratings import RATED_BY_CONDITION
from synthstim.analysis.by_condition.times import TIMES
from synthstim.analysis.psychometric import BY_CURVE, BY_TRACK
from synthstim.analysis.sensitivity.tables import SENSITIVITY
from synthstim.analysis.shown.mixed_model import r_lines
from synthstim.files import as_tsv

if TYPE_CHECKING:
    from synthstim.analysis.analyse import Analysis


def contents_of(found: Analysis) -> dict[str, str]:
    """The text of each file, by its name; files that there is nothing for are left out."""
    tables = {
        "trials": found.trials,
        "participants": found.participants,
        "by_condition": found.by_condition,
        "by_participant": found.by_participant,
        "times": found.times,
        "answers": found.answers,
        "confusions": found.confusions,
        "columns": _meanings(found),
    }
    further = {
        "sensitivity": found.sensitivity,
        "sensitivity_by_participant": found.sensitivity_by_participant,
        "thresholds": found.thresholds,
        "thresholds_by_participant": found.thresholds_by_participant,
        "confidence": found.confidence,
        "chosen": found.chosen,
    }
    tables |= {name: table for name, table in further.items() if len(table)}
    contents = {f"{name}.tsv": table_text(table) for name, table in tables.items()}
    contents |= {"summary.txt": found.summary + "\n", "mixed_model.R": r_lines(found.study, found.measure)}
    return contents | ({} if found.measure is None else {"figure.svg": found.svg()})


def _meanings(found: Analysis) -> pd.DataFrame:
    """What the columns of the tables mean: (table, column, meaning)."""
    measured = COUNTED if found.measure is None else BY_CONDITION if found.measure.is_proportion else RATED_BY_CONDITION
    named = group_columns(found.study)
    meanings = {"by_condition": named | measured, "times": named | TIMES}
    if len(found.sensitivity):
        meanings["sensitivity"] = named | SENSITIVITY
    if len(found.thresholds):
        meanings |= {"thresholds": BY_CURVE, "thresholds_by_participant": BY_TRACK}
    rows = [(f"{table}.tsv", column, said) for table, columns in meanings.items() for column, said in columns.items()]
    return pd.DataFrame(rows, columns=["table", "column", "meaning"])


def table_text(table: pd.DataFrame) -> str:
    """A table as the package writes them, with a header and a line a row."""
    written = table.astype(object).map(_cell)
    return as_tsv(written).decode()


def _cell(value: Any) -> Any:
    if value is True or value is False:
        return int(value)
    return f"{value:.6g}" if isinstance(value, float) and value == value else value
