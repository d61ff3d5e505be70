"""One synthesis watched: the match in dB of every item at every few evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from material import photograph_path
from torch import Tensor

from synthstim.models import Observer
from synthstim.objectives import match
from synthstim.optimise import Stopping, Synthesiser
from synthstim.production.phases import Phase, phases_of
from synthstim.recipe import Metamer, Recipe


@dataclass
class Climb:
    """How the best match of a batch grew.

    Attributes:
        evaluations: spent on each item so far, every tenth.
        decibels: (step, item) best match at those evaluations.
    """

    evaluations: list[int] = field(default_factory=list)
    decibels: list[list[float]] = field(default_factory=list)

    def first(self, item: int, target: float) -> int | None:
        """Evaluations until an item's best reached the target; None if it never did."""
        reached = (count for count, best in zip(self.evaluations, self.decibels, strict=True) if best[item] >= target)
        return next(reached, None)

    @property
    def end(self) -> list[float]:
        """The best match of each item at the end."""
        return self.decibels[-1]


def climb(
    observer: Observer, layer: str, references: Tensor, phases: Sequence[Phase], *, rounded: bool = True, seed: int = 1
) -> Climb:
    """Match a layer's response to references (batch, channel, y, x), one item each, phase after phase.

    Args:
        rounded: whether the match is that of the 8-bit image, or of the floating-point one.
        seed: of the first item; the others follow.
    """
    watched, before = Climb(), 0
    start: str | Tensor = "pink"
    for phase in phases:
        run = Synthesiser(
            observer,
            match(references, [layer]),
            phase.parametrisation,
            seeds=range(seed, seed + len(references)),
            start=start if phase.start is None else phase.start,
            optimiser=phase.optimiser(),
            stopping=phase.stopping,
            levels=phase.levels,
        )
        scorer = run.scorer
        for progress in run:
            kept = [run.finished[item][0] for item in sorted(run.finished)]
            best = torch.stack(kept) if kept else run.best_latents
            watched.evaluations.append(before + progress.evaluations)
            watched.decibels.append(run.evaluator.rounded_scores(best, scorer) if rounded else progress.best)
        start, before = run.result().stimuli, before + phase.stopping.evaluations
    return watched


def shipped_phases(observer: Observer, layer: str, evaluations: int | None = None) -> list[Phase]:
    """The phases by which a recipe's metamer is made when the recipe does not say how."""
    entry: dict[str, Any] = {
        "name": "study",
        "kind": "metamer",
        "reference": str(photograph_path("chelsea.png")),
        "layers": [layer],
    }
    if evaluations is not None:
        entry["evaluations"] = evaluations
    recipe = Recipe.from_dict({"observer": observer.name, "stimuli": [entry]})
    metamer = recipe.stimuli[0]
    assert isinstance(metamer, Metamer)
    return phases_of(metamer, recipe, observer)


def lasting(phase: Phase, evaluations: int) -> Phase:
    """A phase with another budget."""
    return replace(phase, stopping=Stopping(evaluations=evaluations))
