"""How many participants an experiment needs for d' to be known, and told apart between conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import ndtr, ndtri

from synthstim.analysis.answered.study import Study
from synthstim.analysis.sensitivity.models import TaskModel, models_of
from synthstim.analysis.simulated.answers import Skill
from synthstim.errors import InputError, nearest

Values = NDArray[np.float64]
PLANNED = {
    "participants": "Participants who are kept",
    "condition": "The condition",
    "d_prime": "d' that is assumed",
    "proportion": "Proportion correct that goes with it",
    "half_width": "Median half-width of the 95 % interval of d'",
    "above_chance": "Share of studies whose interval lies above 0",
    "power": "Share of studies in which d' differs from that of the condition before (paired t test, two-sided, 5 %)",
}


def plan_sensitivity(
    study: Study,
    d_prime: Mapping[str, float],
    *,
    trials: int,
    participants: Sequence[int] = (10, 15, 20, 30),
    spread: float = 0.3,
    strategy: str | None = None,
    repeats: int = 500,
    seed: int = 0,
) -> pd.DataFrame:
    """Say how precisely an experiment will find d', and what it can tell apart.

    Args:
        study: its task, answers and conditions, in order.
        d_prime: condition -> d' of the population.
        trials: in each condition, of each participant.
        participants: numbers of participants (who are kept) to try.
        spread: standard deviation of d' between participants.
        strategy: how observations become answers; by default the first of the task.
        repeats: simulated studies for each number.
        seed: the same seed gives the same table.

    Returns:
        One row a number of participants and condition (columns: ``PLANNED``), for d' of all answers counted together and its
        jackknife over participants, as the analysis has them.

    Raises:
        InputError: a condition has no d' or an unknown one has, the task has no such model, or there are too few participants.

    Example:
        >>> from synthstim.analysis.simulated import study_of
        >>> study = study_of("oddity", ["early", "late"])
        >>> table = plan_sensitivity(study, {"early": 0.5, "late": 2.5}, trials=40, participants=(12,), repeats=50)
        >>> table["power"].round(1).tolist()
        [nan, 1.0]
    """
    if min(participants, default=0) < 3 or trials < 2 or repeats < 1:
        raise too_few(participants, trials, repeats, expected=(3, 2))
    model, names = _model(study, strategy), study.names
    skill = Skill(d_prime, spread=spread)
    assumed = skill.of(names)
    generator = np.random.default_rng(seed)
    rows = []
    for count in participants:
        drawn = np.stack([skill.drawn(names, count, generator) for _ in range(repeats)])
        pseudo = _pseudo_values(model, drawn, trials, len(study.answers), generator)
        means = pseudo.mean(axis=1)
        half = stats.t.ppf(0.975, count - 1) * pseudo.std(axis=1, ddof=1) / np.sqrt(count)
        for place, name in enumerate(names):
            power = told_apart(pseudo[:, :, place] - pseudo[:, :, place - 1]) if place else np.nan
            share = float(model.proportion(assumed[place], len(study.answers)))
            above = float((means[:, place] - half[:, place] > 0).mean())
            rows.append((count, name, float(assumed[place]), share, float(np.median(half[:, place])), above, power))
    return pd.DataFrame(rows, columns=[*PLANNED])


def too_few(participants: Sequence[int], trials: int, repeats: int, *, expected: tuple[int, int]) -> InputError:
    """The mistake of a plan with too few participants (the first that is expected), or trials (the second)."""
    given = (
        f"{min(participants, default=0)} participants, {trials} trials in each condition, {repeats} simulated studies"
    )
    return InputError(
        f"{given} given; expected {expected[0]}, {expected[1]} and 1 or more",
        "raise the one that is lower",
        code="too-few",
    )


def told_apart(differences: Values) -> float:
    """Share of studies (study, participant) whose mean difference a t test tells from 0, two-sided, at 5 %."""
    count = differences.shape[1]
    spread = differences.std(axis=1, ddof=1) / np.sqrt(count)
    t = np.abs(differences.mean(axis=1)) / np.where(spread > 0, spread, np.inf)
    return float((t > stats.t.ppf(0.975, count - 1)).mean())


def _model(study: Study, strategy: str | None) -> TaskModel:
    models = models_of(study.task, len(study.answers))
    if not models:
        raise InputError(f"the task {study.task} with {len(study.answers)} answers has no d'", code="mismatch")
    found = next((model for model in models if strategy in (None, model.strategy)), None)
    if found is None:
        known = [model.strategy for model in models]
        raise InputError(
            f"no strategy of {study.task} is called {strategy!r}", nearest(str(strategy), known), code="unknown"
        )
    return found


def _pseudo_values(
    model: TaskModel, drawn: Values, trials: int, answers: int, generator: np.random.Generator
) -> Values:
    """What each participant adds to pooled d': (study, participant, condition), their mean being d' and their spread its error."""
    count = drawn.shape[1]
    # Beyond its ends, where a strategy knows no sign, nobody is worse than chance.
    right = np.interp(drawn, *model.table(answers))
    if model.two_rates and answers == 2:
        signal, noise = (trials + 1) // 2, trials // 2
        counts = np.stack([generator.binomial(signal, right), generator.binomial(noise, 1 - right)])
        sizes = np.array([signal, noise])
    else:
        counts, sizes = generator.binomial(trials, right)[None], np.array([trials])
    total = counts.sum(axis=2, keepdims=True)
    pooled = _pooled(model, total, sizes * count, answers)
    without = _pooled(model, total - counts, sizes * (count - 1), answers)
    return np.asarray(count * pooled - (count - 1) * without)


def _pooled(model: TaskModel, counts: NDArray[np.int64], sizes: NDArray[np.int64], answers: int) -> Values:
    """d' of counts (rate, ...) of so many trials, read from the model's table: near enough for a plan."""
    size = sizes.reshape(-1, *[1] * (counts.ndim - 1))
    if len(counts) == 2:
        hits, alarms = (counts + 0.5) / (size + 1)
        share = ndtr((ndtri(hits) - ndtri(alarms)) / 2)
    else:
        share = ((counts + 1 / answers) / (size + 1))[0]
    grid, heights = model.table(answers)
    return np.asarray(np.interp(share, heights, grid))
