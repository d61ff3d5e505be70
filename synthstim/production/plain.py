"""How stimuli are synthesised of a modality that says nothing of it: Adam on its usual parametrisation."""

from __future__ import annotations

from typing import Literal

from synthstim.models import Observer
from synthstim.production.phases import (
    Phase,
    evaluations_of,
    optimiser_of,
    parametrisation_of,
    require_start,
    start_of,
    stopping_of,
)
from synthstim.recipe import OptimiserSpec, Recipe, StimulusSpec

METAMER_EVALUATIONS = 500


def phases_of(
    entry: StimulusSpec,
    recipe: Recipe,
    observer: Observer,
    budget: int | None = None,
    *,
    texture: bool = False,
) -> list[Phase]:
    """One phase.

    Args:
        budget: cap on the evaluations of each item.
        texture: makes no difference here.
    """
    return one_phase(entry, recipe, observer, evaluations_of(entry, METAMER_EVALUATIONS, budget), "adam")


def one_phase(
    entry: StimulusSpec, recipe: Recipe, observer: Observer, evaluations: int, optimiser: Literal["lbfgs", "adam"]
) -> list[Phase]:
    """The modality's usual parametrisation from start to end, unless the recipe asks for another, or another optimiser.

    Args:
        optimiser: the name of the one that is taken where the recipe asks for none.
    """
    latents = parametrisation_of(entry, observer, observer.input.modality.parametrisations[0])
    make = optimiser_of(entry.optimiser or OptimiserSpec(name=optimiser))
    start = start_of(entry, recipe, observer)
    require_start(latents, start, observer.input.modality)
    return [Phase(latents, make, repr(make()), stopping_of(entry, evaluations), start)]
