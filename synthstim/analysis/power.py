"""How many participants a listening test needs: simulated before it is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from synthstim.analysis.design import Design
from synthstim.analysis.intervals import between
from synthstim.analysis.simulate import population, skills_of
from synthstim.errors import InputError


def plan_participants(
    design: Design,
    accuracies: Mapping[str, float],
    *,
    trials: int,
    participants: Sequence[int] = (10, 15, 20, 30),
    spread: float = 0.1,
    repeats: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Say how precise a listening test will be, and what it can tell apart.

    Args:
        design: its conditions, in order.
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
        InputError: as ``simulate_trials``, or fewer than two participants.

    Example:
        >>> plan_participants(design, {"natural": 0.82, "relu0": 0.79}, trials=20)  # doctest: +SKIP
    """
    means, names = population(design, accuracies), design.names
    if min(participants, default=0) < 2 or trials < 1 or repeats < 1:
        raise InputError("give at least 2 participants, 1 trial and 1 repeat")
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
            power = _power(shares[:, :, place] - shares[:, :, place - 1]) if place else np.nan
            rows.append((count, name, float(means[place]), float(np.median(ends[:, 1] - ends[:, 0])) / 2, power))
    return pd.DataFrame(rows, columns=["participants", "condition", "proportion", "half_width", "power"])


def _power(differences: np.ndarray) -> float:
    """Share of studies (study, participant) whose mean difference a t test tells from 0."""
    count = differences.shape[1]
    spread = differences.std(axis=1, ddof=1) / np.sqrt(count)
    t = np.abs(differences.mean(axis=1)) / np.where(spread > 0, spread, np.inf)
    return float((t > stats.t.ppf(0.975, count - 1)).mean())
