"""d' and bias of counted answers, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from synthstim.analysis.intervals import LEVEL, wilson
from synthstim.analysis.sensitivity.models import TaskModel

_OPPOSED = np.array([1.0, -1.0])


@dataclass(frozen=True)
class AnswerCounts:
    """Answers counted.

    Attributes:
        trials: that were answered.
        correct: of these.
        signal: trials in which the signal's answer was right; with ``hits``, those so answered.
        noise: trials in which another was right; with ``false_alarms``, those answered as if the signal's were.
    """

    trials: int
    correct: int
    signal: int = 0
    hits: int = 0
    noise: int = 0
    false_alarms: int = 0

    def __add__(self, other: AnswerCounts) -> AnswerCounts:
        return AnswerCounts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def __sub__(self, other: AnswerCounts) -> AnswerCounts:
        return AnswerCounts(*(getattr(self, name) - getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Estimate:
    """d' with its 95 % interval as if answers were independent, and the bias c; NaN where something is not known."""

    value: float
    low: float = math.nan
    high: float = math.nan
    bias: float = math.nan


def estimate_sensitivity(model: TaskModel, tally: AnswerCounts, answers: int = 2) -> Estimate:
    """Compute d' by the model of a task.

    Rates of 0 and 1 have no finite d': half an answer is added to hits and to false alarms, and one trial to each (the log-linear
    rule, Hautus 1995, doi:10.3758/BF03203619); where d' comes of the proportion correct, one answer by chance is added. The interval
    is by the delta method on z scores (Macmillan & Creelman 2005, chapter 13), or Wilson's of the proportion, taken through the model.

    Args:
        answers: the number of alternatives.

    Example:
        >>> from synthstim.analysis.sensitivity import models_of
        >>> found = estimate_sensitivity(models_of("yes_no", 2)[0], AnswerCounts(100, 75, 50, 40, 50, 15))
        >>> round(found.value, 2), round(found.bias, 2)
        (1.33, -0.15)
    """
    if not tally.trials:
        return Estimate(math.nan)
    if _has_rates(model, tally, answers):
        z, error = _scores(tally)
        # Along the line on which the bias stays as it is.
        half = ndtri(0.5 + LEVEL / 2) * error / 2
        value, low, high = (model.of_rates(*ndtr(z + step * _OPPOSED)) for step in (0.0, -half, half))
        return Estimate(value, low, high, bias=float(-z.mean()))
    low, high = model.sensitivity(wilson(tally.correct / tally.trials, tally.trials), answers)
    return Estimate(sensitivity_of(model, tally, answers), float(low), float(high))


def sensitivity_of(model: TaskModel, tally: AnswerCounts, answers: int = 2) -> float:
    """d' alone, as ``estimate_sensitivity`` gives it."""
    if _has_rates(model, tally, answers):
        return model.of_rates(*ndtr(_scores(tally)[0]))
    return float(model.sensitivity((tally.correct + 1 / answers) / (tally.trials + 1), answers))


def _has_rates(model: TaskModel, tally: AnswerCounts, answers: int) -> bool:
    # Where only one of the two answers was ever right, hits without false alarms say less than the proportion correct.
    return model.two_rates and answers == 2 and tally.signal > 0 and tally.noise > 0


def _scores(tally: AnswerCounts) -> tuple[NDArray[np.float64], float]:
    """The z scores of hits and false alarms, and the standard error of their difference."""
    rates = np.array([(tally.hits + 0.5) / (tally.signal + 1), (tally.false_alarms + 0.5) / (tally.noise + 1)])
    z = ndtri(rates)
    variances = rates * (1 - rates) / (np.array([tally.signal, tally.noise]) * np.exp(-(z**2)) / (2 * np.pi))
    return z, math.sqrt(variances.sum())
