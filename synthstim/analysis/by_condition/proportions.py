"""Proportion correct: of each participant in each condition, and of the group."""

from __future__ import annotations

import math

import pandas as pd

from synthstim.analysis.answered.columns import answered
from synthstim.analysis.answered.study import Study
from synthstim.analysis.by_condition.groups import every_cell, group_columns, group_rows, kept_answers, within_widths
from synthstim.analysis.intervals import UNKNOWN, between, student, wilson

BY_PARTICIPANT = ("participant", "condition", "trials", "correct", "proportion", "kept")
BY_CONDITION = {
    "participants": "Participants who were kept and answered a trial of it",
    "trials": "Their answers",
    "correct": "Of these, the right ones",
    "proportion": "Mean over participants of the proportion correct",
    "low": "95 % interval of the mean over participants (Wilson's, at the answers that participants are worth)",
    "high": "Its upper end",
    "t_low": "95 % t interval of the same mean; without width where all participants score alike",
    "t_high": "Its upper end",
    "within_low": "95 % within-participant interval (Cousineau and Morey), to compare conditions",
    "within_high": "Its upper end",
    "pooled": "Proportion of all answers, whoever gave them",
    "pooled_low": "95 % Wilson interval of it, as if answers were independent",
    "pooled_high": "Its upper end",
    "sd": "Standard deviation over participants",
    "median_rt_s": "Median time from a sound's onset to the answer",
}


def by_participant(trials: pd.DataFrame, participants: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Proportion correct of every participant in every condition (columns: ``BY_PARTICIPANT``).

    Answered trials of the main part count; catch trials, and those without an answer, do not.
    """
    found = answered(trials).groupby(["participant", "condition"])["correct"].agg(trials="size", correct="sum")
    cells = every_cell(pd.DataFrame(found), participants, study)
    right = cells["correct"].fillna(0).astype("int64")
    return cells.assign(correct=right, proportion=right / cells["trials"])[[*BY_PARTICIPANT]]


def by_condition(cells: pd.DataFrame, trials: pd.DataFrame, study: Study) -> pd.DataFrame:
    """The group's proportion in every condition with its intervals (columns: those of the conditions, then ``BY_CONDITION``).

    Args:
        cells: from ``by_participant``; those kept count.
    """
    kept = cells[cells["kept"] & (cells["trials"] > 0)]
    half = within_widths(kept, "proportion", study)
    times = kept_answers(trials, kept)
    rows = []
    for condition, named in group_rows(study):
        own = kept[kept["condition"] == condition]
        total, right = int(own["trials"].sum()), int(own["correct"].sum())
        mean = float(own["proportion"].mean()) if len(own) else math.nan
        pooled = right / total if total else math.nan
        rows.append(
            (
                *named, len(own), total, right, mean,
                *between(own["proportion"], own["trials"]), *student(own["proportion"]),
                mean - half[condition], mean + half[condition],
                pooled, *(wilson(pooled, total) if total else UNKNOWN),
                float(own["proportion"].std(ddof=1)) if len(own) > 1 else math.nan,
                float(times.loc[times["condition"] == condition, "response_time"].median()),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=[*group_columns(study), *BY_CONDITION])
