"""How an entry of movies is synthesised: the frequencies of space and time, by L-BFGS for metamers and by Adam for controllers."""

from __future__ import annotations

from synthstim.modalities.base import StimulusInput
from synthstim.models import Observer
from synthstim.optimise import LBFGS, Adam, Optimiser
from synthstim.parametrise import Parametrisation, Spacetime
from synthstim.production.phases import Phase, evaluations_of
from synthstim.production.plain import one_phase
from synthstim.recipe import OfReference, Recipe, StimulusSpec

METAMER_EVALUATIONS = 400


def usual(input: StimulusInput, *, matching: bool) -> tuple[Parametrisation, Optimiser]:
    """What a search for movies begins with: see ``optimise.defaults``."""
    return Spacetime(input.shape), LBFGS() if matching else Adam()


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
    evaluations = evaluations_of(entry, METAMER_EVALUATIONS, budget)
    return one_phase(entry, recipe, observer, evaluations, "lbfgs" if isinstance(entry, OfReference) else "adam")
