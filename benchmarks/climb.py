"""One synthesis watched: the match in dB of every item at every few evaluations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from material import photograph_path
from torch import Tensor

from synthstim.modalities.image.synthesis import phases_of
from synthstim.models import Observer
from synthstim.objectives import match
from synthstim.optimise import Stopping, Synthesiser
from synthstim.production.phases import Phase
from synthstim.recipe import Metamer, Recipe

LEVELS = 255


@dataclass
class Climb:
    """How the best match of each item of a batch grew.

    Attributes:
        curves: for each item, (evaluations, best match in dB) at every tenth evaluation.
    """

    curves: dict[int, list[tuple[int, float]]] = field(default_factory=dict)

    def add(self, item: int, evaluations: int, decibels: float) -> None:
        """Note an item's best match so far."""
        self.curves.setdefault(item, []).append((evaluations, decibels))

    def first(self, item: int, target: float) -> int | None:
        """Evaluations until an item's best reached the target; None if it never did."""
        return next((count for count, best in self.curves[item] if best >= target), None)

    @property
    def end(self) -> list[float]:
        """The best match of each item at the end."""
        return [self.curves[item][-1][1] for item in sorted(self.curves)]

    @property
    def evaluations(self) -> int:
        """Spent on each item in all."""
        return max(curve[-1][0] for curve in self.curves.values())


def climb(
    observer: Observer, layer: str, references: Tensor, phases: Sequence[Phase], *, rounded: bool = True, seed: int = 1
) -> Climb:
    """Match a layer's response to references (batch, channel, y, x), one item each, phase after phase.

    Args:
        rounded: whether the match is that of the 8-bit image, or of the floating-point one.
        seed: of the first item; the others follow.
    """
    watched = Climb()
    stimuli: Tensor | None = None
    spent, matches = [0] * len(references), [-math.inf] * len(references)
    for phase in phases:
        rows = [item for item, best in enumerate(matches) if stimuli is None or phase.takes(best)]
        if not rows:
            continue
        begin = phase.start if stimuli is None or phase.start is not None else stimuli[rows]
        run = Synthesiser(
            observer,
            match(references[rows], [layer]),
            phase.parametrisation,
            seeds=[seed + item for item in rows],
            start="pink" if begin is None else begin,
            optimiser=phase.optimiser(),
            stopping=phase.stopping,
            levels=phase.levels,
        )
        scorer = run.scorer
        for progress in run:
            kept = [run.finished[item][0] for item in sorted(run.finished)]
            best = torch.stack(kept) if kept else run.bests.latents
            shown = run.evaluator.judge(best, scorer, LEVELS)[1].tolist() if rounded else progress.best
            for item, decibels in zip(rows, shown, strict=True):
                watched.add(item, spent[item] + progress.evaluations, decibels)
        made = run.result()
        stimuli = made.stimuli if stimuli is None else stimuli.index_copy(0, torch.tensor(rows), made.stimuli)
        for at, item in enumerate(rows):
            spent[item] += made.evaluations[at]
            matches[item] = made.scores[at]
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
