"""What the tables of groups have in common: the columns that tell conditions, and within-participant intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from synthstim.analysis.answered.columns import answered
from synthstim.analysis.answered.study import Study, value_of
from synthstim.analysis.intervals import within

_MEANINGS = {
    "condition": "The condition, as the plan names it",
    "observer": "Model",
    "layer": "Stage of the model",
}


def group_columns(study: Study) -> dict[str, str]:
    """The columns that tell conditions, and what they mean."""
    return {name: _MEANINGS.get(name, f"{name} of the stimuli") for name in ("condition", *study.columns)}


def group_rows(study: Study) -> Iterator[tuple[str, tuple[str | None, ...]]]:
    """Each condition's name, and the cells that tell it."""
    for one in study.conditions:
        yield one.condition, (one.condition, *(value_of(one, column) or None for column in study.columns))


def kept_answers(trials: pd.DataFrame, participants: pd.DataFrame) -> pd.DataFrame:
    """The answered trials of the main part of those who are kept."""
    return answered(trials[trials["participant"].isin(participants.loc[participants["kept"], "participant"])])


def every_cell(found: pd.DataFrame, participants: pd.DataFrame, study: Study) -> pd.DataFrame:
    """What was found by (participant, condition), for every participant and condition, and who is kept.

    Where there is nothing, ``trials`` is 0 and the rest is missing.
    """
    index = pd.MultiIndex.from_product([participants["participant"], study.names], names=["participant", "condition"])
    table = found.reindex(index).fillna({"trials": 0}).astype({"trials": "int64"}).reset_index()
    return table.assign(kept=participants["kept"].repeat(len(study.names)).to_numpy())


def within_widths(cells: pd.DataFrame, column: str, study: Study) -> dict[str, float]:
    """Half-widths of the within-participant intervals, by condition; NaN where there is none."""
    table = cells.pivot(index="participant", columns="condition", values=column).reindex(columns=[*study.names])
    # Only who was in every condition can be compared over conditions.
    complete = table.dropna(axis=1, how="all").dropna()
    found = dict(zip(complete.columns, within(complete.to_numpy()), strict=True)) if len(complete.columns) else {}
    return {name: float(found.get(name, math.nan)) for name in study.names}
