"""What an experiment measures: the proportion of right answers, or the mean of answers that are numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from synthstim.analysis.answered.columns import answered
from synthstim.analysis.answered.study import Study


@dataclass(frozen=True)
class Measure:
    """What the figure shows of each condition.

    Attributes:
        column: of the tables that holds it: ``proportion`` or ``mean``.
        title: of the figure.
        low: where its scale begins.
        high: where it ends.
        chance: what somebody gets who guesses; NaN where nothing is right.
    """

    column: str
    title: str
    low: float = 0.0
    high: float = 1.0
    chance: float = math.nan

    @property
    def is_proportion(self) -> bool:
        """Whether answers are right or wrong."""
        return self.column == "proportion"


def measure_of(trials: pd.DataFrame, study: Study) -> Measure | None:
    """What answers are summed up by; None where they are neither right, wrong nor numbers.

    >>> from synthstim.analysis import Condition, Study
    >>> study = Study((Condition("all"),), (), 1, protocol="rating")
    >>> cells = {"phase": ["main"] * 2, "status": ["answered"] * 2, "response": ["2", "5"], "correct": [None, None]}
    >>> measure_of(pd.DataFrame(cells), study)
    Measure(column='mean', title='Mean answer', low=2.0, high=5.0, chance=nan)
    """
    main = answered(trials)
    if main["correct"].notna().any() or not len(main):
        title = "Proportion recognised" if study.is_listening else "Proportion correct"
        return Measure("proportion", title, chance=study.chance)
    numbers = pd.to_numeric(main["response"], errors="coerce")
    if study.answers or numbers.isna().any():
        return None
    return Measure("mean", "Mean answer", float(numbers.min()), float(numbers.max()))
