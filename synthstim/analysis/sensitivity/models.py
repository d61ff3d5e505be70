"""The models by which d' is computed, by task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize
from scipy.special import ndtr, ndtri

from synthstim.analysis.sensitivity import proportions
from synthstim.analysis.sensitivity.quadrature import Values
from synthstim.errors import InputError, nearest

# The range of d' that is searched.
MOST = 12.0
_STEP, _HALVINGS = 0.05, 5


@dataclass(frozen=True, repr=False)
class TaskModel:
    """How d' and proportion correct go together in a task, for a strategy of the participant.

    Attributes:
        task: as a design names it.
        strategy: how observations become an answer; "" where a task has one.
        curve: (d', alternatives) -> proportion correct of an unbiased participant.
        two_rates: whether, of two answers, d' comes of hits and false alarms, so that a bias is known and taken out.
        signed: whether a proportion below chance is a negative d', and not one of 0.
        numbers: of alternatives that the curve is known for; empty for any.
        signal: the answer that is called a hit, if an experiment has it; else the first.
    """

    task: str
    strategy: str
    curve: Callable[[Values, int], Values]
    two_rates: bool = False
    signed: bool = False
    numbers: tuple[int, ...] = ()
    signal: str = ""

    def __repr__(self) -> str:
        return f"TaskModel({self.name!r})"

    @property
    def name(self) -> str:
        """The task and the strategy."""
        return f"{self.task} ({self.strategy})" if self.strategy else self.task

    def proportion(self, sensitivity: ArrayLike, answers: int = 2) -> Values:
        """Proportion correct of an unbiased participant.

        >>> models_of("oddity", 3)[1].proportion([0.0, 1.0], 3).round(3)
        array([0.333, 0.418])
        """
        return self.curve(np.asarray(sensitivity, float), answers)

    def table(self, answers: int = 2) -> tuple[Values, Values]:
        """Values of d', and the proportions correct that go with them, both ascending."""
        return _grid(self, answers)

    def sensitivity(self, proportion: ArrayLike, answers: int = 2) -> Values:
        """d' of proportions correct of an unbiased participant; NaN stays.

        >>> models_of("2afc", 2)[0].sensitivity([0.5, 0.76]).round(2)
        array([0., 1.])
        """
        known = np.asarray(proportion, float)
        values, place = np.unique(known, return_inverse=True)
        grid, heights = self.table(answers)
        at = np.clip(np.searchsorted(heights, values, side="right"), 1, len(grid) - 1)
        low, high, bottom, top = grid[at - 1], grid[at], heights[at - 1], heights[at]
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            height = self.curve(middle, answers)
            above = height > values
            low, bottom = np.where(above, low, middle), np.where(above, bottom, height)
            high, top = np.where(above, middle, high), np.where(above, height, top)
        # So short a stretch is straight.
        between = low + (high - low) * (values - bottom) / np.maximum(top - bottom, 1e-300)
        # Without a sign, all that is not above chance is no sensitivity; 1 is above any d'.
        least = -np.inf if self.signed else 0.0
        found = np.where(values <= heights[0], least, np.where(values >= heights[-1], np.inf, between))
        return np.asarray(np.where(np.isnan(known), np.nan, found[place].reshape(known.shape)))

    def of_rates(self, hits: float, false_alarms: float) -> float:
        """d' of a rate of hits and one of false alarms of two answers, both above 0 and below 1; a bias is taken out.

        >>> round(models_of("yes_no", 2)[0].of_rates(0.8, 0.3), 3)
        1.366
        """
        if self.curve is proportions.same_different_differencing:
            return _apart(hits, false_alarms)
        unbiased = ndtr((ndtri(hits) - ndtri(false_alarms)) / 2)
        return float(self.sensitivity(unbiased))


def _apart(hits: float, false_alarms: float) -> float:
    """d' by differencing: false alarms say where the criterion is, hits how far apart the two are."""
    if hits <= false_alarms:
        return 0.0
    criterion = np.asarray(-np.sqrt(2) * ndtri(false_alarms / 2))
    return float(
        optimize.brentq(lambda d: float(proportions.called_different(np.asarray(d), criterion)) - hits, 0.0, 2 * MOST)
    )


@lru_cache
def _grid(model: TaskModel, answers: int) -> tuple[Values, Values]:
    """Values of d', and the proportions correct that go with them, ascending."""
    grid: Values = np.arange(-MOST if model.signed else 0.0, MOST + _STEP / 2, _STEP, dtype=np.float64)
    # Rounding may make equal values fall at the flat ends.
    return grid, np.maximum.accumulate(model.curve(grid, answers))


_LISTED = (
    TaskModel("yes_no", "", proportions.yes_no, two_rates=True, signed=True, numbers=(2,), signal="yes"),
    TaskModel("2afc", "", proportions.two_alternatives, two_rates=True, signed=True, numbers=(2,)),
    TaskModel("abx", "independent", proportions.abx_independent, two_rates=True, numbers=(2,)),
    TaskModel("abx", "differencing", proportions.match_differencing, two_rates=True, numbers=(2,)),
    TaskModel("oddity", "independent", proportions.oddity_independent, numbers=(3,)),
    TaskModel("oddity", "differencing", proportions.oddity_differencing, numbers=(3,)),
    TaskModel("oddity", "largest", proportions.alternatives, signed=True),
    TaskModel(
        "same_different", "independent", proportions.same_different_independent, two_rates=True, numbers=(2,),
        signal="different",
    ),
    TaskModel(
        "same_different", "differencing", proportions.same_different_differencing, two_rates=True, numbers=(2,),
        signal="different",
    ),
    TaskModel("match", "independent", proportions.match_independent, two_rates=True, numbers=(2, 3)),
    TaskModel("match", "differencing", proportions.match_differencing, two_rates=True),
    TaskModel("identify", "", proportions.alternatives, signed=True),
)  # fmt: skip
# What has no d': no answer is right, or right is whichever has more of something.
UNMODELLED = ("none", "equality")
TASKS = tuple(dict.fromkeys(model.task for model in _LISTED))


def models_of(task: str, answers: int) -> tuple[TaskModel, ...]:
    """The models of a task for so many alternatives; none where no d' is defined.

    Raises:
        InputError: no task is called so.

    Example:
        >>> models_of("oddity", 3)
        (TaskModel('oddity (independent)'), TaskModel('oddity (differencing)'), TaskModel('oddity (largest)'))
        >>> models_of("none", 2)
        ()
    """
    if task not in (*TASKS, *UNMODELLED):
        raise InputError(f"no task is called {task!r}", nearest(task, TASKS), code="unknown", value=task)
    return tuple(
        model
        for model in _LISTED
        if model.task == task and answers > 1 and (not model.numbers or answers in model.numbers)
    )
