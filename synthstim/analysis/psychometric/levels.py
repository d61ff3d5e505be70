"""Which level each answer was given at, and of which function it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from synthstim.analysis.answered.columns import answered
from synthstim.analysis.answered.study import Study, value_of
from synthstim.analysis.psychometric.curve import FEWEST_LEVELS, target_of
from synthstim.analysis.psychometric.sigmoids import NORMAL, require_sigmoid
from synthstim.analysis.sensitivity.models import models_of
from synthstim.analysis.sensitivity.tables import shares_noise, signal_answer
from synthstim.errors import InputError, nearest
from synthstim.experiment.runtime.trials import TRACK_COLUMNS


@dataclass(frozen=True)
class Levels:
    """Answers with their levels.

    Attributes:
        table: a row an answer: ``participant curve level correct``; where yes is a hit, ``correct`` says whether it was answered.
        over: the column that the levels are of.
        guess: proportion correct by chance; None where it is to be fitted, as of what is made equal.
        adaptive: whether a method chose the levels; ``table`` then has what it found itself, ``track_...``.
        span: the levels that there were, if not only those that were given.
        falls: whether a higher level is harder; None where the answers say.
        target: how far the threshold is on the way from guessing to the upper end: where a staircase settles, else half-way.
        ranks: what the levels stand for, where they are places in an order.
        curves: the functions' names, in the order of the conditions.
        sigmoid: the functions' shape: ``normal``, ``logistic`` or ``gumbel``.
    """

    table: pd.DataFrame
    over: str
    guess: float | None
    adaptive: bool = False
    span: tuple[float, float] | None = None
    falls: bool | None = None
    target: float = 0.5
    ranks: tuple[str, ...] = ()
    curves: tuple[str, ...] = ()
    sigmoid: str = NORMAL


def levels_of(trials: pd.DataFrame, study: Study, over: str | None = None, *, sigmoid: str = NORMAL) -> Levels | None:
    """Find the levels of answers.

    Args:
        trials: those that count.
        study: what was tested.
        over: a column of the conditions or of the stimuli; by default what an adaptive method chose, or the first column of the
            conditions that holds three numbers or more.
        sigmoid: shape of the functions that are to be fitted.

    Returns:
        The levels; None where nothing is ordered.

    Raises:
        InputError: ``over`` names no column, or one in which there are not three levels; or there is no such sigmoid.
    """
    require_sigmoid(sigmoid)
    main = answered(trials)
    main = main[main["correct"].notna()]
    named = over is not None
    adaptive = study.is_adaptive and not named
    if adaptive:
        found, over, ranks = main.get("level"), str(study.method.get("over", "level")), list[str]()
    else:
        over = over or _first_of_numbers(study)
        if over is None:
            return None
        found, ranks = _of_column(main, study, over)
    if found is None or found.nunique() < FEWEST_LEVELS:
        if not named:
            return None
        raise InputError(
            f"{over} has fewer than {FEWEST_LEVELS} levels in the answers", "choose another column", code="too-few"
        )
    signal = _signal(study)
    table = pd.DataFrame(
        {
            "participant": main["participant"], "curve": _curves(main, study, over, adaptive), "level": found,
            "correct": (main["correct"] if signal is None else main["response"] == signal).astype(bool),
        }
        | {name: main[name] for name in TRACK_COLUMNS if adaptive and name in main}
    )  # fmt: skip
    kept = found.notna() if signal is None else found.notna() & (main["right"] == signal)
    guess = study.chance if signal is None and study.task != "equality" else None
    span, falls = (study.span, study.method.get("easier") == "low") if adaptive else (None, None)
    target = _settles(study) if adaptive and signal is None else 0.5
    place = {name: at for at, name in enumerate(study.names)}
    curves = table[kept].assign(place=main["condition"].map(place)).groupby("curve")["place"].min()
    order = tuple(map(str, curves.sort_values(kind="stable").index))
    own = table[kept].reset_index(drop=True)
    return Levels(own, over, guess, adaptive, span, falls, target, tuple(ranks), order, sigmoid)


def _settles(study: Study) -> float:
    """How far on the way from guessing to being right always a staircase settles; half-way for other rules."""
    rule, settles = study.method, math.nan
    if rule["kind"] == "staircase" and rule.get("up") == 1:
        # So many right answers in a row are as likely as not (Levitt 1971).
        settles = 0.5 ** (1 / int(str(rule["down"])))
    elif rule["kind"] == "weighted":
        easier, harder = (int(str(rule[name])) for name in ("step_easier", "step_harder"))
        settles = easier / (easier + harder)
    target = target_of(settles, study.chance)
    return target if target == target else 0.5


def _first_of_numbers(study: Study) -> str | None:
    for column in study.columns:
        values = {value_of(one, column) for one in study.conditions}
        if sum(_is_number(value) for value in values) >= FEWEST_LEVELS:
            return column
    return None


def _is_number(value: object) -> bool:
    return bool(pd.notna(pd.to_numeric(str(value), errors="coerce")))


def _of_column(main: pd.DataFrame, study: Study, over: str) -> tuple[pd.Series, list[str]]:
    """The level of each answer, and what it stands for where it is a place in an order."""
    if over in study.columns:
        named = {one.condition: value_of(one, over) for one in study.conditions}
        values = main["condition"].map(named)
        if any(_is_number(value) for value in named.values()):
            return pd.to_numeric(values, errors="coerce"), []
        order = list(dict.fromkeys(named[name] for name in study.names if not study.stands_apart(name)))
        return values.map({value: float(place) for place, value in enumerate(order, start=1)}), order
    known: set[str] = {name for one in study.stimuli.values() for name in one}
    if over not in known:
        raise InputError(
            f"neither the conditions nor the stimuli have a column {over!r}",
            nearest(over, sorted({*study.columns, *known})), code="unknown", value=over,
        )  # fmt: skip
    return _of_stimuli(main, study, {name: one.get(over) for name, one in study.stimuli.items()}), []


def _of_stimuli(main: pd.DataFrame, study: Study, values: Mapping[str, object]) -> pd.Series:
    """The mean over a trial's stimuli of what the set says of them: a reference, of which it says nothing, does not count."""
    slots = [slot for slot in study.slots if slot in main]
    each = [pd.to_numeric(main[slot].map(values), errors="coerce") for slot in slots]
    return pd.concat(each, axis=1).mean(axis=1) if each else pd.Series(float("nan"), index=main.index)


def _curves(main: pd.DataFrame, study: Study, over: str, adaptive: bool) -> pd.Series:
    if adaptive and "track" in main and main["track"].notna().any():
        return main["track"].fillna(main["condition"])
    if over in study.columns:
        others = [column for column in study.columns if column != over]
        named = {
            one.condition: ", ".join(filter(None, (value_of(one, name) for name in others))) for one in study.conditions
        }
    else:
        named = {name: study.line(name) for name in study.names}
    return main["condition"].map(named).replace("", "all")


def _signal(study: Study) -> str | None:
    """The answer that is plotted where answers are yes and no; None where right answers are."""
    if not shares_noise(study) or not (models := models_of(study.task, len(study.answers))):
        return None
    return signal_answer(models[0], study)
