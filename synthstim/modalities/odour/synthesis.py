"""How an entry of odours is synthesised: an exchange of odorants and dilutions, or by gradient where the recipe asks for it."""

from __future__ import annotations

from functools import partial

from synthstim.constraints.mixture import Mixture
from synthstim.errors import InputError
from synthstim.models import Observer, StimulusInput
from synthstim.optimise import Adam, Exchange, Optimiser
from synthstim.parametrise import Concentrations, Parametrisation
from synthstim.production.limits import constraints_of
from synthstim.production.phases import (
    Phase,
    optimiser_of,
    parametrisation_of,
    require_start,
    start_of,
    stopping_of,
)
from synthstim.recipe import Controller, Recipe, StimulusSpec

# Odours that are looked at, most of them many at once: a sweep over 110 odorants at 13 dilutions is 1,540.
LOOKS = 60_000
# Of gradients, of which each costs as much as hundreds of those.
STEP, GRADIENTS = 0.02, 500


def usual(input: StimulusInput, *, matching: bool) -> tuple[Parametrisation, Optimiser]:
    """What a search for odours begins with: see ``optimise.defaults``."""
    return Concentrations(input.shape), Adam(step=STEP)


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

    Raises:
        InputError: copies are to be diverse, and no optimiser is chosen that follows a gradient.
    """
    latents, start = parametrisation_of(entry, observer, "concentrations"), start_of(entry, recipe, observer)
    require_start(latents, start, observer.input.modality)
    if entry.optimiser is not None:
        evaluations = min(entry.evaluations or GRADIENTS, budget or 10**9)
        make = optimiser_of(entry.optimiser)
        return [Phase(latents, make, repr(make()), stopping_of(entry, evaluations), start)]
    if isinstance(entry, Controller) and entry.diversity:
        raise InputError(
            "diversity needs a gradient, which an exchange does not have", "give optimiser: adam", code="mismatch"
        )
    limits = [one for one in constraints_of(entry, recipe, observer) if isinstance(one, Mixture)]
    exchange = partial(Exchange, limits[-1].levels, limits[-1].project)
    evaluations = min(entry.evaluations or LOOKS, budget or 10**9)
    return [Phase(latents, exchange, repr(exchange()), stopping_of(entry, evaluations), start)]
