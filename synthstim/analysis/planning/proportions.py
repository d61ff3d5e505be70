"""How many participants an experiment needs for proportions to be known, and told apart between conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from synthstim.analysis.answered.study import Study
from synthstim.analysis.intervals import between
from synthstim.analysis.planning.sensitivity import told_apart, too_few
from synthstim.errors import InputError, nearest

# How far a participant's skill in one condition says that in another.
_SHARED = 0.5


def plan_participants(
    study: Study,
    accuracies: Mapping[str, float],
    *,
    trials: int,
    participants: Sequence[int] = (10, 15, 20, 30),
    spread: float = 0.1,
    repeats: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Say how precise proportions will be, and what an experiment can tell apart.

    Args:
        study: its conditions, in order.
        accuracies: condition -> proportion that people are assumed to recognise.
        trials: in each condition, of each participant.
        participants: numbers of participants (who are kept) to try.
        spread: standard deviation between participants at a proportion of 0.5.
        repeats: simulated studies for each number.
        seed: the same seed gives the same table.

    Returns:
        One row a number of participants and condition: ``half_width`` (median, of the 95 % interval), and ``power``,
        the share of studies in which it differs from the condition before it (paired t test, two-sided, 5 %).

    Raises:
        InputError: a condition has no accuracy or an unknown one has, a value is out of range, or fewer than two participants.

    Example:
        >>> from synthstim.analysis import Condition, Study
        >>> study = Study((Condition("natural"), Condition("relu0")), ("cat", "dog"), participants=20)
        >>> shares = {"natural": 0.9, "relu0": 0.6}
        >>> plan_participants(study, shares, trials=20, participants=(20,), repeats=50)["power"].round(1).tolist()
        [nan, 1.0]
    """
    means, names = population(study, accuracies), study.names
    if min(participants, default=0) < 2 or trials < 1 or repeats < 1:
        raise too_few(participants, trials, repeats, expected=(2, 1))
    generator = np.random.default_rng(seed)
    rows = []
    for count in participants:
        shares = np.stack(
            [
                generator.binomial(trials, skills_of(means, count, spread=spread, generator=generator)) / trials
                for _ in range(repeats)
            ]
        )
        for place, name in enumerate(names):
            ends = np.array([between(values, np.full(count, trials)) for values in shares[:, :, place]])
            power = told_apart(shares[:, :, place] - shares[:, :, place - 1]) if place else np.nan
            rows.append((count, name, float(means[place]), float(np.median(ends[:, 1] - ends[:, 0])) / 2, power))
    return pd.DataFrame(rows, columns=["participants", "condition", "proportion", "half_width", "power"])


def population(study: Study, accuracies: Mapping[str, float]) -> NDArray[np.float64]:
    """The accuracies in the study's order, checked: (condition,)."""
    if unknown := [name for name in accuracies if name not in study.names]:
        raise InputError(f"the condition {unknown[0]!r} is not in the study: {nearest(unknown[0], study.names)}")
    if wrong := [name for name, value in accuracies.items() if not 0 <= value <= 1]:
        raise InputError(
            f"{accuracies[wrong[0]]:g} given as the proportion of {wrong[0]}; expected 0 to 1", value=wrong[0]
        )
    if absent := [name for name in study.names if name not in accuracies]:
        raise InputError(f"no proportion given for {', '.join(absent)}", "give one for each condition", code="missing")
    return np.array([accuracies[name] for name in study.names], float)


def skills_of(
    accuracies: NDArray[np.float64], participants: int, *, spread: float, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Each participant's proportion in each condition, (participant, condition): beta distributed around the population's.

    Participants who are good in one condition tend to be good in another (a Gaussian copula with correlation 0.5).
    """
    if participants < 1 or not 0 <= spread < 0.5:
        raise InputError(
            f"{participants} participants with a spread of {spread:g} given; expected at least 1, and 0 to 0.5",
            code="too-few",
        )
    if spread == 0:
        return np.tile(accuracies, (participants, 1))
    shared = generator.normal(size=(participants, 1))
    own = generator.normal(size=(participants, len(accuracies)))
    place = stats.norm.cdf(np.sqrt(_SHARED) * shared + np.sqrt(1 - _SHARED) * own)
    # A beta distribution's variance is m (1 - m) / (k + 1): spread**2 at m = 0.5.
    strength = 0.25 / spread**2 - 1
    inner = np.clip(accuracies, 1e-9, 1 - 1e-9)
    drawn = stats.beta.ppf(place, inner * strength, (1 - inner) * strength)
    return np.where((accuracies > 0) & (accuracies < 1), drawn, accuracies)
