"""Reaction times: from the onset of a trial's last stimulus to the answer."""

from __future__ import annotations

import math

import pandas as pd

from synthstim.analysis.answered.study import Study
from synthstim.analysis.by_condition.groups import group_columns, group_rows, kept_answers

TIMES = {
    "answers": "Right answers, or all where nothing is right or wrong, of those who were kept",
    "median_s": "Median of their times from the onset of the trial's last stimulus",
    "p10_s": "A tenth was faster",
    "p90_s": "A tenth was slower",
    "mean_of_medians_s": "Mean over participants of their medians",
}


def times_of(trials: pd.DataFrame, participants: pd.DataFrame) -> pd.DataFrame:
    """The answers whose times count: right ones, of who was kept; all where nothing is right or wrong."""
    main = kept_answers(trials, participants)
    counted = main[main["correct"].fillna(False).astype(bool)] if main["correct"].notna().any() else main
    return counted[counted["response_time"].notna()]


def times_by_condition(counted: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Median and spread of the times in every condition (columns: those of the conditions, then ``TIMES``).

    Args:
        counted: from ``times_of``.
    """
    rows = []
    for condition, named in group_rows(study):
        own = counted[counted["condition"] == condition]
        low, median, high = own["response_time"].quantile([0.1, 0.5, 0.9]) if len(own) else (math.nan,) * 3
        medians = own.groupby("participant")["response_time"].median()
        rows.append((*named, len(own), median, low, high, float(medians.mean())))
    return pd.DataFrame(rows, columns=[*group_columns(study), *TIMES])
