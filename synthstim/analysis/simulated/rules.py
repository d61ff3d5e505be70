"""How a participant comes from observations to an answer, drawn trial by trial: what the formulas of d' are checked against.

Each rule takes the number of the right answer in each trial (trial,), the number of answers, d' in each trial (trial,) and a
generator, and returns the number of the answer given. Observations are normal with variance 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from synthstim.analysis.sensitivity.proportions import best_criterion
from synthstim.errors import InputError

Numbers = NDArray[np.int64]
Values = NDArray[np.float64]
Rule = Callable[[Numbers, int, Values, np.random.Generator], Numbers]


def _yes_no(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> Numbers:
    observed = generator.normal(size=len(d)) + np.where(right == 0, d, 0)
    return np.where(observed > d / 2, 0, 1)


def _largest(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> Numbers:
    observed = generator.normal(size=(len(d), answers))
    observed[np.arange(len(d)), right] += d
    return np.asarray(observed.argmax(axis=1))


def _matching(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> tuple[Values, Values]:
    """A sample and its alternatives, of which the right one is of its kind; which kind that is is drawn."""
    high = generator.integers(0, 2, len(d)).astype(bool)
    kinds = np.repeat(~high[:, None], answers, axis=1)
    kinds[np.arange(len(d)), right] = high
    sample = generator.normal(size=len(d)) + d * high
    return sample, generator.normal(size=(len(d), answers)) + d[:, None] * kinds


def _match_independent(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> Numbers:
    sample, others = (
        values - (d / 2).reshape(-1, *[1] * (values.ndim - 1)) for values in _matching(right, answers, d, generator)
    )
    evidence = sample[:, None] + 2 * others - others.sum(axis=1, keepdims=True)
    return np.asarray(np.abs(evidence).argmax(axis=1))


def _match_differencing(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> Numbers:
    sample, others = _matching(right, answers, d, generator)
    return np.asarray(np.abs(others - sample[:, None]).argmin(axis=1))


def _odd(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> Values:
    """Observations of which one is of another kind, around half-way between the kinds."""
    high = generator.integers(0, 2, len(d)).astype(bool)
    kinds = np.repeat(~high[:, None], answers, axis=1)
    kinds[np.arange(len(d)), right] = high
    return np.asarray(generator.normal(size=(len(d), answers)) + d[:, None] * (kinds - 0.5))


def _odd_independent(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> Numbers:
    observed = _odd(right, answers, d, generator)
    return np.asarray(np.abs(2 * observed - observed.sum(axis=1, keepdims=True)).argmax(axis=1))


def _odd_differencing(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> Numbers:
    observed = _odd(right, answers, d, generator)
    return np.asarray(np.abs(observed - observed.mean(axis=1, keepdims=True)).argmax(axis=1))


def _two(right: Numbers, d: Values, generator: np.random.Generator) -> tuple[Values, Values]:
    """Two observations around half-way between the kinds; of different kinds where the first answer is right."""
    first = generator.integers(0, 2, len(d)).astype(bool)
    second = np.where(right == 0, ~first, first)
    noise = generator.normal(size=(2, len(d)))
    return noise[0] + d * (first - 0.5), noise[1] + d * (second - 0.5)


def _classed(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> Numbers:
    first, second = _two(right, d, generator)
    return np.where((first > 0) != (second > 0), 0, 1)


def _apart(right: Numbers, answers: int, d: Values, generator: np.random.Generator) -> Numbers:
    first, second = _two(right, d, generator)
    return np.where(np.abs(first - second) > best_criterion(d), 0, 1)


# By task and strategy; of two answers, the first is the signal's.
RULES: dict[tuple[str, str], Rule] = {
    ("yes_no", ""): _yes_no,
    ("2afc", ""): _largest,
    ("abx", "independent"): _match_independent,
    ("abx", "differencing"): _match_differencing,
    ("oddity", "independent"): _odd_independent,
    ("oddity", "differencing"): _odd_differencing,
    ("oddity", "largest"): _largest,
    ("same_different", "independent"): _classed,
    ("same_different", "differencing"): _apart,
    ("match", "independent"): _match_independent,
    ("match", "differencing"): _match_differencing,
    ("identify", ""): _largest,
}


def rule_of(task: str, strategy: str | None = None) -> Rule:
    """The rule of a task, by the first of its strategies unless another is named.

    Raises:
        InputError: the task has no such strategy.
    """
    known = [one for one in RULES if one[0] == task]
    chosen = next((one for one in known if strategy in (None, one[1])), None)
    if chosen is None:
        there = ", ".join(strategy or "none" for _, strategy in known) or "no task of this name"
        raise InputError(
            f"the strategy {strategy!r} of the task {task!r} given; expected one of {there}", code="unknown"
        )
    return RULES[chosen]
