"""A psychometric function, fitted by psignifit 4 (Schütt et al. 2016, doi:10.1016/j.visres.2016.02.002)."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from synthstim.analysis.intervals import Interval
from synthstim.analysis.psychometric.sigmoids import ALPHA, NORMAL, require_sigmoid, sigmoid_of

# Fewer levels, or answers, say nothing of a function's two ends and its slope.
FEWEST_LEVELS, FEWEST_TRIALS = 3, 20
# An overdispersion so small is none: answers are binomial.
_NO_DISPERSION = 1e-4


@dataclass(frozen=True)
class PsychometricCurve:
    """A sigmoid between guessing and lapsing.

    Attributes:
        threshold: the level at which the function is ``target`` of the way from guessing to its upper end.
        interval: of the threshold, 95 % of the posterior.
        width: from 5 to 95 % of that way, in units of the level.
        width_interval: of the width, 95 % of the posterior.
        slope: of the proportion at the threshold, per unit of the level.
        guess: proportion correct without any information.
        lapse: proportion wrong in spite of all information.
        target: see ``threshold``.
        falls: whether a higher level is harder.
        sigmoid: its shape: ``normal``, ``logistic`` or ``gumbel``.
        levels: (level,) that were given, ascending.
        correct: (level,) right answers.
        trials: (level,) answers.
    """

    threshold: float
    interval: Interval
    width: float
    width_interval: Interval
    slope: float
    guess: float
    lapse: float
    target: float
    falls: bool
    sigmoid: str
    levels: NDArray[np.float64]
    correct: NDArray[np.int64]
    trials: NDArray[np.int64]

    @property
    def proportion_at_threshold(self) -> float:
        """Proportion correct at the threshold."""
        return self.guess + self.target * (1 - self.guess - self.lapse)

    @property
    def inside(self) -> bool:
        """Whether the threshold lies among the levels that were given."""
        return bool(self.levels.min() <= self.threshold <= self.levels.max())

    def proportion(self, levels: ArrayLike) -> NDArray[np.float64]:
        """Proportion correct at levels."""
        sign = -1.0 if self.falls else 1.0
        sigmoid = sigmoid_of(self.sigmoid, self.target)
        x = sign * np.asarray(levels, float)
        return np.asarray(sigmoid(x, sign * self.threshold, self.width, gamma=self.guess, lambd=self.lapse))


def fit_curve(
    levels: ArrayLike,
    correct: ArrayLike,
    *,
    guess: float | None,
    target: float = 0.5,
    span: tuple[float, float] | None = None,
    dispersed: bool = False,
    falls: bool | None = None,
    sigmoid: str = NORMAL,
) -> PsychometricCurve | None:
    """Fit a psychometric function to answers.

    Args:
        levels: (trial,) the level of each.
        correct: (trial,) whether each was right.
        guess: proportion correct by chance, one in a whole number; None has it fitted, as for the answer yes.
        target: of the way from guessing to the upper end, where the threshold is.
        span: levels that the function lies in, as for an adaptive method; by default those given.
        dispersed: allow for answers that vary more than binomial ones, as those of several participants do.
        falls: whether a higher level is harder; by default as the answers say.
        sigmoid: ``normal``, ``logistic`` or ``gumbel``, which over the logarithm of a level is a Weibull function.

    Returns:
        The function; None for fewer than 3 levels, or 20 answers.

    Raises:
        InputError: there is no such sigmoid.

    Example:
        >>> levels = [1, 2, 3, 4, 5] * 20
        >>> correct = [level > 3 or (trial // 5) % 2 == 0 for trial, level in enumerate(levels)]
        >>> curve = fit_curve(levels, correct, guess=0.5)
        >>> 3 < curve.threshold < 4
        True
    """
    from psignifit import psignifit

    require_sigmoid(sigmoid)
    counted = _counted(levels, correct)
    if len(counted) < FEWEST_LEVELS or counted["trials"].sum() < FEWEST_TRIALS:
        return None
    x, right, trials = (counted[name].to_numpy() for name in ("level", "correct", "trials"))
    if falls is None:
        # The sign of the weighted regression of proportions on levels.
        falls = bool(np.sum(trials * (x - np.average(x, weights=trials)) * (right / trials)) < 0)
    # psignifit's own falling functions have the guesses at their upper end: levels are mirrored instead.
    sign = -1.0 if falls else 1.0
    # What it warns of is not ours to say: levels outside the range are ``inside``, wide posteriors are intervals.
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        found = psignifit(
            np.column_stack([sign * x, right, trials]), sigmoid=sigmoid_of(sigmoid, target), thresh_PC=target, width_alpha=ALPHA, verbose=False,
            stimulus_range=None if span is None else tuple(sorted((sign * span[0], sign * span[1]))),
            width_min=None if span is None else float(np.diff(x).min()), **_options(guess, dispersed),
        )  # fmt: skip
        slope = float(found.slope(found.parameter_estimate["threshold"]))
    estimate, ends = found.parameter_estimate, found.confidence_intervals
    low, high = sorted(sign * end for end in ends["threshold"]["0.95"])
    return PsychometricCurve(
        threshold=sign * float(estimate["threshold"]), interval=(float(low), float(high)),
        width=float(estimate["width"]), width_interval=(float(ends["width"]["0.95"][0]), float(ends["width"]["0.95"][1])),
        slope=sign * slope, guess=float(estimate["gamma"]), lapse=float(estimate["lambda"]), target=target, falls=falls,
        sigmoid=sigmoid, levels=x, correct=right, trials=trials,
    )  # fmt: skip


def _options(guess: float | None, dispersed: bool) -> dict[str, Any]:
    """What psignifit is to fit beside the threshold, the width and the lapses."""
    if not dispersed:
        fixed = {"fixed_parameters": {"eta": _NO_DISPERSION}}
        return fixed | (
            {"experiment_type": "yes/no"} if guess is None else {"experiment_type": f"{round(1 / guess)}AFC"}
        )
    if guess is not None:
        return {"experiment_type": f"{round(1 / guess)}AFC"}
    # Five dimensions: its usual grid takes a quarter of a minute.
    coarse = {"threshold": 20, "width": 20, "lambda": 8, "gamma": 8, "eta": 8}
    fine = {"threshold": 30, "width": 30, "lambda": 12, "gamma": 12, "eta": 12}
    return {"experiment_type": "yes/no", "steps_moving_bounds": coarse, "grid_steps": fine}


def _counted(levels: ArrayLike, correct: ArrayLike) -> pd.DataFrame:
    answers = pd.DataFrame({"level": np.asarray(levels, float), "correct": np.asarray(correct, bool)})
    counted = answers.groupby("level")["correct"].agg(["sum", "size"]).reset_index()
    return counted.set_axis(["level", "correct", "trials"], axis=1)


def target_of(proportion: float, guess: float) -> float:
    """How far a proportion correct is on the way from guessing to 1; NaN beyond.

    >>> round(target_of(0.75, 0.5), 3)
    0.5
    """
    share = (proportion - guess) / (1 - guess)
    return share if 0 < share < 1 else math.nan
