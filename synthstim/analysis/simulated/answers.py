"""Simulated answers to planned trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from synthstim.analysis.answered.columns import ANSWERED
from synthstim.analysis.answered.study import Study
from synthstim.analysis.sensitivity import models_of
from synthstim.analysis.sensitivity.tables import signal_answer
from synthstim.analysis.simulated.rules import rule_of
from synthstim.errors import InputError, nearest

# What is easy for whoever attends, in units of d'.
_OBVIOUS = 12.0
# How far a participant's skill in one condition says that in another.
_SHARED = 0.5


@dataclass(frozen=True)
class Skill:
    """What simulated participants can do.

    Attributes:
        d_prime: of the population, by condition; or one for all.
        spread: standard deviation of d' between participants.
        lapses: share of trials that are answered without looking.
        strategy: how observations become answers; by default the first of the task.
        time_s: median time to an answer.
    """

    d_prime: Mapping[str, float] | float
    spread: float = 0.0
    lapses: float = 0.0
    strategy: str | None = None
    time_s: float = 0.7

    def __post_init__(self) -> None:
        if self.spread < 0 or not 0 <= self.lapses < 1 or self.time_s <= 0:
            raise InputError(
                "a spread, a share of lapses or a time is out of range", "give 0 or more, below 1 for lapses"
            )

    def of(self, names: Sequence[str]) -> NDArray[np.float64]:
        """d' of the population in conditions, (condition,).

        Raises:
            InputError: a condition has none, or is unknown.
        """
        if isinstance(self.d_prime, int | float):
            return np.full(len(names), float(self.d_prime))
        if unknown := [name for name in self.d_prime if name not in names]:
            raise InputError(
                f"the condition {unknown[0]!r} is not in the study", nearest(unknown[0], names), code="unknown"
            )
        if absent := [name for name in names if name not in self.d_prime]:
            raise InputError(f"no d' given for {', '.join(absent)}", "give a number for each condition", code="missing")
        return np.array([float(self.d_prime[name]) for name in names])

    def drawn(self, names: Sequence[str], participants: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """d' of each participant in each condition, (participant, condition), normal around the population's.

        Whoever is good in one condition tends to be good in another (correlation 0.5).
        """
        shared, own = generator.normal(size=(participants, 1)), generator.normal(size=(participants, len(names)))
        return self.of(names) + self.spread * (np.sqrt(_SHARED) * shared + np.sqrt(1 - _SHARED) * own)


def simulate_answers(plan: pd.DataFrame, study: Study, skill: Skill, *, seed: int = 0) -> pd.DataFrame:
    """Answer planned trials as participants of a given skill would, by the rule of the study's task.

    Args:
        plan: a row a trial: ``participant phase condition right`` and whatever else the table is to hold.
        seed: the same seed gives the same answers.

    Returns:
        The plan with ``response correct response_time status``, every trial answered.

    Raises:
        InputError: the task has no rule to simulate, or a condition has no d'.

    Example:
        >>> from synthstim.analysis import Condition, Study
        >>> study = Study((Condition("all"),), ("first", "second"), 1, protocol="two_interval", task="2afc", columns=())
        >>> plan = pd.DataFrame({"participant": 1, "phase": "main", "condition": "all", "right": ["first", "second"] * 500})
        >>> float(simulate_answers(plan, study, Skill(2.0))["correct"].mean().round(1))
        0.9
    """
    generator = np.random.default_rng(seed)
    numbers, place = np.unique(plan["participant"], return_inverse=True)
    skills = skill.drawn(study.names, len(numbers), generator)
    condition = plan["condition"].map({name: at for at, name in enumerate(study.names)})
    easy = (plan["phase"] != "main").to_numpy() | condition.isna().to_numpy()
    d = np.where(easy, _OBVIOUS, skills[place, condition.fillna(0).astype(int)])
    response = answer_trials(plan["right"].to_numpy(object), study, d, skill, generator)
    correct = response == plan["right"].to_numpy(object)
    # Answers take longer where less is seen.
    times = skill.time_s * np.exp(generator.normal(0, 0.3, len(plan)) + 0.3 * np.exp(-np.abs(d)))
    return plan.assign(
        response=response, correct=pd.array(correct, dtype="boolean"), response_time=times.round(6), status=ANSWERED
    )


def answer_trials(
    right: NDArray[np.object_], study: Study, d: NDArray[np.float64], skill: Skill, generator: np.random.Generator
) -> NDArray[np.object_]:
    """The answer to each trial, (trial,).

    Args:
        right: the right answers, (trial,).
        d: d' in each trial, (trial,); below 0, somebody who takes one kind for the other, where the task knows that.
        generator: draws observations.
    """
    # A word of a list is one of so many answers.
    task = "identify" if study.is_listening else study.task
    models = models_of(task, len(study.answers))
    if not models:
        raise InputError(f"the task {task} with {len(study.answers)} answers has no rule to simulate", code="mismatch")
    signal = signal_answer(models[0], study)
    # Of two answers the signal's comes first, as the rules have it.
    order = [signal, *(answer for answer in study.answers if answer != signal)]
    numbers = np.array([order.index(answer) for answer in right])
    able = d if models[0].signed else np.maximum(d, 0)
    given = rule_of(task, skill.strategy)(numbers, len(order), able, generator)
    guessed = generator.integers(0, len(order), len(right))
    return np.array(order, dtype=object)[np.where(generator.random(len(right)) < skill.lapses, guessed, given)]
