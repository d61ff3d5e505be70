"""Answers that are numbers, such as ratings and matched levels: of each participant, and of the group."""

from __future__ import annotations

import math

import pandas as pd

from synthstim.analysis.answered.columns import answered
from synthstim.analysis.answered.study import Study
from synthstim.analysis.by_condition.groups import every_cell, group_columns, group_rows, kept_answers, within_widths
from synthstim.analysis.intervals import student

RATED_BY_PARTICIPANT = ("participant", "condition", "trials", "mean", "sd", "kept")
RATED_BY_CONDITION = {
    "participants": "Participants who were kept and answered a trial of it",
    "trials": "Their answers",
    "mean": "Mean over participants of their mean answers",
    "low": "95 % t interval of the mean over participants",
    "high": "Its upper end",
    "within_low": "95 % within-participant interval (Cousineau and Morey), to compare conditions",
    "within_high": "Its upper end",
    "sd": "Standard deviation over participants",
    "median": "Median of all answers, whoever gave them",
    "median_rt_s": "Median time from the last stimulus's onset to the answer",
}


def rated_by_participant(trials: pd.DataFrame, participants: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The mean answer of every participant in every condition (columns: ``RATED_BY_PARTICIPANT``)."""
    main = answered(trials)
    values = pd.to_numeric(main["response"]).groupby([main["participant"], main["condition"]])
    # Of one answer there is no spread: a missing value, whatever kind of column the table has.
    found = pd.DataFrame(values.agg(trials="size", mean="mean", sd="std")).astype("float64")
    return every_cell(found, participants, study)[[*RATED_BY_PARTICIPANT]]


def rated_by_condition(cells: pd.DataFrame, trials: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The group's mean answer in every condition (columns: those of the conditions, then ``RATED_BY_CONDITION``).

    Args:
        cells: from ``rated_by_participant``; those kept count.
    """
    kept = cells[cells["kept"] & (cells["trials"] > 0)]
    half = within_widths(kept, "mean", study)
    main = kept_answers(trials, kept)
    rows = []
    for condition, named in group_rows(study):
        own, trial = kept[kept["condition"] == condition], main[main["condition"] == condition]
        mean = float(own["mean"].mean()) if len(own) else math.nan
        rows.append(
            (
                *named, len(own), int(own["trials"].sum()), mean, *student(own["mean"]),
                mean - half[condition], mean + half[condition],
                float(own["mean"].std(ddof=1)) if len(own) > 1 else math.nan,
                float(pd.to_numeric(trial["response"]).median()), float(trial["response_time"].median()),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=[*group_columns(study), *RATED_BY_CONDITION])
