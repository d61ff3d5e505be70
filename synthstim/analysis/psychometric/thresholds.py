"""Thresholds of each participant and of the group."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from synthstim.analysis.intervals import UNKNOWN, student
from synthstim.analysis.psychometric.curve import PsychometricCurve, fit_curve
from synthstim.analysis.psychometric.levels import Levels

BY_TRACK = {
    "participant": "Participant",
    "curve": "Track of an adaptive method, or what the conditions of the function share",
    "trials": "Answers",
    "threshold": "Level half-way between guessing and the upper end, or where a staircase settles, by psignifit",
    "low": "95 % interval of it, of psignifit's posterior",
    "high": "Its upper end",
    "width": "Width of the function, from 5 to 95 % of its way",
    "slope": "Slope at the threshold, proportion per unit of the level",
    "lapse": "Lapse rate",
    "track_threshold": "What the adaptive method itself found: mean level of a staircase's reversals, or of QUEST+'s posterior",
    "track_sd": "Standard deviation of QUEST+'s posterior",
    "reversals": "Reversals of a staircase",
    "kept": "1 for participants who are kept",
}
BY_CURVE = {
    "curve": "Track of an adaptive method, or what the conditions of the function share",
    "over": "Column that the levels are of",
    "participants": "Participants who were kept",
    "trials": "Their answers",
    "threshold": "The same of all answers together, half-way between guessing and the upper end, or where a staircase settles",
    "low": "95 % interval of it, of psignifit's posterior; answers may vary more than binomial ones",
    "high": "Its upper end",
    "width": "Width of the function, from 5 to 95 % of its way",
    "width_low": "95 % interval of it",
    "width_high": "Its upper end",
    "slope": "Slope at the threshold, proportion per unit of the level",
    "guess": "Proportion by chance; fitted where the answer yes is plotted",
    "lapse": "Lapse rate",
    "proportion": "Proportion correct at the threshold",
    "mean": "Mean over participants of their thresholds",
    "mean_low": "95 % t interval of it",
    "mean_high": "Its upper end",
    "track_mean": "Mean over participants of what the adaptive method itself found",
    "track_low": "95 % t interval of it",
    "track_high": "Its upper end",
}


def fit_curves(levels: Levels, kept: pd.Series) -> dict[str, PsychometricCurve]:
    """One function for each curve, of all answers of those who are kept.

    Args:
        levels: the answers.
        kept: numbers of the participants who are kept.
    """
    table = levels.table[levels.table["participant"].isin(kept)]
    found = {}
    for name in levels.curves:
        own = table[table["curve"] == name]
        several = own["participant"].nunique() > 1
        if (curve := _curve_of(own, levels, dispersed=several)) is not None:
            found[name] = curve
    return found


def _curve_of(answers: pd.DataFrame, levels: Levels, *, dispersed: bool = False) -> PsychometricCurve | None:
    return fit_curve(
        answers["level"], answers["correct"], guess=levels.guess, span=levels.span, falls=levels.falls, target=levels.target,
        sigmoid=levels.sigmoid, dispersed=dispersed,
    )  # fmt: skip


def thresholds_by_participant(levels: Levels, participants: pd.DataFrame) -> pd.DataFrame:
    """The threshold of every participant and curve (columns: ``BY_TRACK``); NaN where answers are too few."""
    rows = []
    for number, kept in participants[["participant", "kept"]].itertuples(index=False):
        for name in levels.curves:
            own = levels.table[(levels.table["participant"] == number) & (levels.table["curve"] == name)]
            if own.empty:
                continue
            curve = _curve_of(own, levels)
            fitted = (
                (curve.threshold, *curve.interval, curve.width, curve.slope, curve.lapse) if curve else (math.nan,) * 6
            )
            rows.append((number, name, len(own), *fitted, *_own_result(own), kept))
    return pd.DataFrame(rows, columns=[*BY_TRACK])


def thresholds_by_curve(levels: Levels, curves: Mapping[str, PsychometricCurve], each: pd.DataFrame) -> pd.DataFrame:
    """The group's threshold of every curve (columns: ``BY_CURVE``).

    Args:
        levels: the answers.
        curves: from ``fit_curves``.
        each: from ``thresholds_by_participant``.
    """
    rows = []
    for name in levels.curves:
        own, curve = each[(each["curve"] == name) & each["kept"]], curves.get(name)
        fitted = (
            (
                curve.threshold, *curve.interval, curve.width, *curve.width_interval, curve.slope, curve.guess, curve.lapse,
                curve.proportion_at_threshold,
            ) if curve else (math.nan,) * 10
        )  # fmt: skip
        rows.append(
            (
                name, levels.over, len(own), int(own["trials"].sum()), *fitted,
                *_mean(own["threshold"]), *_mean(own["track_threshold"]),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=[*BY_CURVE])


def _mean(values: pd.Series) -> tuple[float, float, float]:
    known = values.dropna()
    return (float(known.mean()), *(student(known) if len(known) > 1 else UNKNOWN))


def _own_result(answers: pd.DataFrame) -> tuple[float, ...]:
    """What the adaptive method knew after the last answer: threshold, its standard deviation, reversals."""
    names = ("track_threshold", "track_threshold_sd", "track_reversals")
    last = answers.iloc[-1]
    return tuple(float(last[name]) if name in answers and pd.notna(last[name]) else math.nan for name in names)
