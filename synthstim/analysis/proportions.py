"""Proportion recognised: of each participant in each condition, and of the group."""

from __future__ import annotations

import math

import pandas as pd

from synthstim.analysis.design import Design
from synthstim.analysis.intervals import UNKNOWN, between, student, wilson, within
from synthstim.analysis.trials import ANSWERED

BY_PARTICIPANT = ("participant", "condition", "trials", "correct", "proportion", "kept")
BY_CONDITION = {
    "condition": "natural, or the stage of the model whose metamers were heard",
    "observer": "Model",
    "layer": "Stage of the model",
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


def by_participant(trials: pd.DataFrame, participants: pd.DataFrame, design: Design) -> pd.DataFrame:
    """Proportion correct of every participant in every condition (columns: ``BY_PARTICIPANT``).

    Answered trials of the main part count; catch trials and interrupted ones do not.
    """
    counted = scored(trials)
    cells = counted.groupby(["participant", "condition"])["correct"].agg(["size", "sum"])
    rows = []
    for number, kept in participants[["participant", "kept"]].itertuples(index=False):
        for condition in design.names:
            answers, right = map(int, cells.loc[(number, condition)]) if (number, condition) in cells.index else (0, 0)
            share = right / answers if answers else math.nan
            rows.append((number, condition, answers, right, share, kept))
    return pd.DataFrame(rows, columns=[*BY_PARTICIPANT])


def scored(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that proportions are made of."""
    main = trials[(trials["part"] == "main") & ~trials["catch"]]
    return main[main["status"] == ANSWERED]


def by_condition(cells: pd.DataFrame, trials: pd.DataFrame, design: Design) -> pd.DataFrame:
    """The group's proportion in every condition with its intervals (columns: ``BY_CONDITION``).

    Args:
        cells: from ``by_participant``; those kept count.
        trials: all trials, for the times.
        design: the conditions in their order.
    """
    kept = cells[cells["kept"] & (cells["trials"] > 0)]
    half = _half_widths(kept, design)
    answers = scored(trials)
    answers = answers[answers["participant"].isin(kept["participant"])]
    rows = []
    for condition in design.conditions:
        own = kept[kept["condition"] == condition.condition]
        total, right = int(own["trials"].sum()), int(own["correct"].sum())
        mean = float(own["proportion"].mean()) if len(own) else math.nan
        pooled = right / total if total else math.nan
        times = pd.to_numeric(answers.loc[answers["condition"] == condition.condition, "rt_s"])
        rows.append(
            (
                condition.condition, condition.observer, condition.layer, len(own), total, right, mean,
                *between(own["proportion"], own["trials"]), *student(own["proportion"]),
                mean - half[condition.condition], mean + half[condition.condition],
                pooled, *(wilson(pooled, total) if total else UNKNOWN),
                float(own["proportion"].std(ddof=1)) if len(own) > 1 else math.nan,
                float(times.median()) if len(times) else math.nan,
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=[*BY_CONDITION])


def _half_widths(kept: pd.DataFrame, design: Design) -> dict[str, float]:
    table = kept.pivot(index="participant", columns="condition", values="proportion").reindex(columns=[*design.names])
    # Only who was heard in every condition can be compared over conditions.
    heard = table.dropna(axis=1, how="all").dropna()
    found = dict(zip(heard.columns, within(heard.to_numpy()), strict=True)) if len(heard.columns) else {}
    return {name: float(found.get(name, math.nan)) for name in design.names}


def confusions(trials: pd.DataFrame, participants: pd.DataFrame) -> pd.DataFrame:
    """What was answered instead: (condition, word, answer, count) of wrong answers, most frequent first."""
    kept = participants.loc[participants["kept"], "participant"]
    wrong = scored(trials)
    wrong = wrong[wrong["participant"].isin(kept) & ~wrong["correct"].astype(bool)]
    counted = wrong.groupby(["condition", "word", "answer"]).size().reset_index(name="count")
    return counted.sort_values(
        ["count", "condition", "word", "answer"], ascending=[False, True, True, True], ignore_index=True
    )
