"""The natural stimuli that the model predicts best: what is to be beaten by whoever says that synthesis was needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from synthstim.constraints import brought_within
from synthstim.controls.cases import Case, Comparison, Control, Use, as_filed, by_constraints, met, scores
from synthstim.modalities.base import Stimulus
from synthstim.models import Observer
from synthstim.verify import NaturalPool

# Crops of one photograph resemble one another: so many of one, as long as there are others.
MOST_OF_ONE = 2


def best_natural(
    cases: Sequence[Case], observer: Observer, pool: NaturalPool, count: int
) -> tuple[list[Control], list[Use]]:
    """For each case the stimuli of the pool that the model predicts best for its goal, of several photographs.

    They are scored as they will be shown: within the constraints of the case's controllers, and rounded as a file is. Images
    of which a luminance or a contrast cannot be had, such as a field of one pure colour, come last. A stimulus that several
    cases choose is there once.
    """
    made: dict[tuple[int, int], Control] = {}
    uses = []
    for variant, group in enumerate(by_constraints(cases)):
        shown, good = _within(group[0], observer, pool)
        for case, row in zip(group, scores(group, shown, observer), strict=True):
            for number in _choose(row.where(good, -torch.inf), pool, count):
                key = (variant, number)
                photograph = pool.names[pool.origin[number]]
                if key not in made:
                    name = f"natural_{number:04d}_{variant}"
                    made[key] = Control(name, "natural", shown[number], {"start": photograph})
                uses.append(Use(case, "best_natural", made[key].stimulus_id, photograph))
    return list(made.values()), uses


def _within(case: Case, observer: Observer, pool: NaturalPool) -> tuple[list[Stimulus], Tensor]:
    """The pool within the constraints of a case, and which of its stimuli meet them."""
    out: list[Stimulus] = []
    good = []
    for numbers in np.array_split(np.arange(len(pool)), max(1, len(pool) // 16)):
        stimuli = torch.from_numpy(np.stack([pool.stimulus(number) for number in numbers])).double()
        stimuli = brought_within(stimuli, case.constraints)
        out += as_filed(stimuli, observer)
        good.append(met(stimuli, case.constraints))
    return out, torch.cat(good)


def _choose(row: Tensor, pool: NaturalPool, count: int) -> list[int]:
    """The best so many; beyond two of a photograph only where the others are used up."""
    order = torch.argsort(row, descending=True, stable=True).tolist()
    first = list(_few_of_each(order, pool))
    rest = [number for number in order if number not in set(first)]
    return (first + rest)[:count]


def _few_of_each(order: Sequence[int], pool: NaturalPool) -> Iterator[int]:
    taken: dict[int, int] = {}
    for number in order:
        origin = int(pool.origin[number])
        taken[origin] = taken.get(origin, 0) + 1
        if taken[origin] <= MOST_OF_ONE:
            yield number


CONTROL = Comparison(lambda asked: best_natural(asked.cases, asked.observer, asked.pool, asked.count), order=10)
