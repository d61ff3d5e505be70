"""A plan without an experiment: so many trials of every condition, the right answers in turn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from synthstim.analysis.answered.study import ColumnCondition, Study
from synthstim.errors import InputError

# The answers that each task usually has.
ANSWERS = {
    "yes_no": ("yes", "no"), "2afc": ("first", "second"), "abx": ("a", "b"), "oddity": ("1", "2", "3"),
    "same_different": ("same", "different"), "match": ("left", "right"), "identify": ("1", "2", "3", "4"),
}  # fmt: skip


def study_of(
    task: str, conditions: Sequence[str], *, participants: int = 20, answers: Sequence[str] | None = None
) -> Study:
    """A study of a task that no experiment has been exported for.

    Args:
        answers: by default those that the task usually has.

    Raises:
        InputError: no task is called so, or nothing is named.

    Example:
        >>> study_of("oddity", ["easy", "hard"]).chance.__round__(3)
        0.333
    """
    if task not in ANSWERS:
        raise InputError(f"the task {task!r} given; expected one of {', '.join(ANSWERS)}", code="unknown", value=task)
    if not conditions or len(set(conditions)) < len(conditions):
        raise InputError("no conditions, or two of one name given", "name each condition once")
    named = tuple(ColumnCondition(name) for name in conditions)
    return Study(named, tuple(answers or ANSWERS[task]), participants, title=task, protocol=task, task=task, columns=())


def balanced_plan(study: Study, trials: int, *, participants: int | None = None, seed: int = 0) -> pd.DataFrame:
    """A row a trial: ``participant trial phase condition right`` and the columns of the conditions.

    Args:
        trials: of each participant in each condition; each answer is right equally often, give or take one.
        participants: how many; by default as the study plans.
    """
    generator = np.random.default_rng(seed)
    plans = []
    for number in range(1, (participants or study.participants) + 1):
        rows = [(name, study.answers[trial % len(study.answers)]) for name in study.names for trial in range(trials)]
        order = generator.permutation(len(rows))
        own = pd.DataFrame([rows[at] for at in order], columns=["condition", "right"])
        plans.append(own.assign(participant=number, trial=np.arange(len(own)), phase="main"))
    plan = pd.concat(plans, ignore_index=True)
    return plan.assign(**{column: plan["condition"] for column in study.columns})
