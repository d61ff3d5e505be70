"""Answers that are neither right, wrong nor numbers: how many each participant gave, in each condition."""

from __future__ import annotations

import pandas as pd

from synthstim.analysis.answered.columns import answered
from synthstim.analysis.answered.study import Study
from synthstim.analysis.by_condition.groups import every_cell, group_columns, group_rows, kept_answers

COUNTED = {
    "participants": "Participants who were kept and answered a trial of it",
    "trials": "Their answers",
    "median_rt_s": "Median time from the last stimulus's onset to the answer",
}


def counted_by_participant(trials: pd.DataFrame, participants: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Answers of every participant in every condition: (participant, condition, trials, kept)."""
    counts = answered(trials).groupby(["participant", "condition"]).size()
    return every_cell(counts.to_frame("trials"), participants, study)


def counted_by_condition(cells: pd.DataFrame, trials: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Answers of those who are kept in every condition (columns: those of the conditions, then ``COUNTED``)."""
    kept = cells[cells["kept"] & (cells["trials"] > 0)]
    times = kept_answers(trials, kept)
    rows = []
    for condition, named in group_rows(study):
        own = kept[kept["condition"] == condition]
        median = times.loc[times["condition"] == condition, "response_time"].median()
        rows.append((*named, len(own), int(own["trials"].sum()), float(median)))
    return pd.DataFrame(rows, columns=[*group_columns(study), *COUNTED])
