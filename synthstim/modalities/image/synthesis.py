"""How an entry of images is synthesised: which parametrisation and optimiser, for how long, in which order.

The defaults come from docs/optimiser_study.md. A metamer is found by L-BFGS in the Fourier domain. Where the match is
good by then, as at early layers, L-BFGS goes on in a whiter domain; elsewhere Adam finishes on pixels already rounded
to the file's levels, which ends 2 to 5 dB above L-BFGS alone at equal evaluations. Textures are found by L-BFGS on
pixels, from noise with the reference's spectrum (where windows are pooled, that of every window), until every class of statistics is
matched: benchmarks/texture.py and foveated.py.
"""

from __future__ import annotations

import math
from dataclasses import replace

from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.modalities.base import StimulusInput
from synthstim.models import Observer
from synthstim.models.textures import STOP_DB
from synthstim.optimise import LBFGS, Adam, Optimiser
from synthstim.parametrise import Fourier, Invertible, Parametrisation, Pixels
from synthstim.production.phases import (
    Phase,
    evaluations_of,
    optimiser_of,
    parametrisation_of,
    require_start,
    start_of,
    stopping_of,
)
from synthstim.recipe import Controller, Metamer, OfReference, OptimiserSpec, Recipe, StimulusSpec
from synthstim.robustness import Robustness

METAMER_EVALUATIONS = 800
TEXTURE_EVALUATIONS = 600
# Root mean square of the first step on pixels, in display values.
TEXTURE_STEP = 0.0125
# L-BFGS has this many of a metamer's evaluations, or this share of a small budget, before the finish on pixels.
SEARCH = 100
SEARCH_SHARE = 0.3
SEARCH_DECAY = 1.0
# A match this good, in dB, by then is one of an early layer: L-BFGS goes on with it, in a whiter domain, and ends 2 to
# 6 dB above the finish on pixels.
REFINE_FROM = 25.0
REFINE_DECAY = 0.5
FINISH_STEP = 4 / 255
# A fitted site is not the model it was fitted to: with less power at high frequencies an image leaves less room for the
# model to be wrong. The median gain over the best natural image of 20 simulated sites was .95, 1.13 and 1.14 at .75, 1.25
# and 1.75.
SITES_DECAY = 1.5
# A channel of the network itself is the model, and what counts is how far it goes: benchmarks/controllers.py.
UNITS = OptimiserSpec(name="adam", step=0.1, momentum=0.5, schedule="late")
# Bashivan et al. 2019 moved 299-pixel images by up to 19 pixels; less keeps fine structure.
JITTER = 4


def usual(input: StimulusInput, *, matching: bool) -> tuple[Parametrisation, Optimiser]:
    """What a search for images begins with: see ``optimise.defaults``."""
    if matching:
        return Fourier(input.shape, decay=SEARCH_DECAY), LBFGS()
    return Fourier(input.shape), optimiser_of(UNITS)()


def phases_of(
    entry: StimulusSpec,
    recipe: Recipe,
    observer: Observer,
    budget: int | None = None,
    *,
    texture: bool = False,
) -> list[Phase]:
    """The phases of an entry's items.

    Args:
        budget: cap on the evaluations of each item.
        texture: whether the classes of a texture's statistics are matched.
    """
    if texture:
        return [_texture(entry, recipe, observer, budget)]
    evaluations, shape = evaluations_of(entry, METAMER_EVALUATIONS, budget), observer.input.shape
    decay = SEARCH_DECAY if isinstance(entry, OfReference) else SITES_DECAY if entry.of_sites else None
    parametrisation = parametrisation_of(entry, observer, "fourier", decay=decay)
    start = start_of(entry, recipe, observer)
    robustness = _robustness(entry, shape[1:]) if isinstance(entry, Controller) else None
    require_start(parametrisation, start, observer.input.modality)
    alone = entry.optimiser is not None or not isinstance(entry, Metamer) or entry.metric != "l2"
    # What a generator cannot make, free pixels would.
    if alone or not isinstance(parametrisation, Invertible):
        make = optimiser_of(entry.optimiser or _search(entry, parametrisation))
        if robustness is not None and not make().stochastic:
            if isinstance(entry, Controller) and entry.robustness is not None:
                raise InputError(
                    "robustness moves the image at random, which lbfgs cannot follow",
                    "choose adam or leave robustness out",
                )
            robustness = None
        return [Phase(parametrisation, make, repr(make()), stopping_of(entry, evaluations), start, robustness)]
    search = max(1, min(SEARCH, round(SEARCH_SHARE * evaluations)))
    first = Phase(parametrisation, LBFGS, repr(LBFGS()), stopping_of(entry, search), start)
    if evaluations <= search:
        return [first]
    rest = stopping_of(entry, evaluations - search)
    levels = observer.input.modality.levels(entry.bits)
    refine = Phase(
        parametrisation_of(entry, observer, "fourier", decay=REFINE_DECAY),
        LBFGS,
        repr(LBFGS()),
        rest,
        matches=(REFINE_FROM, math.inf),
    )
    finish = Phase(
        Pixels(shape, bound="projection"),
        _finish,
        "Adam on pixels",
        rest,
        levels=levels,
        matches=(-math.inf, REFINE_FROM),
    )
    # In this order an item goes through one of them: no match falls in the refinement.
    return [first, refine, finish]


def _texture(entry: StimulusSpec, recipe: Recipe, observer: Observer, budget: int | None) -> Phase:
    stopping = stopping_of(entry, evaluations_of(entry, TEXTURE_EVALUATIONS, budget))
    if stopping.target is None and not (isinstance(entry, Metamer) and entry.metric != "l2"):
        stopping = replace(stopping, target=STOP_DB)
    make = optimiser_of(entry.optimiser or OptimiserSpec(name="lbfgs", step=TEXTURE_STEP))
    # Under a sigmoid, pixels that an early step drives to black or white hardly come back.
    latents = parametrisation_of(entry, observer, "pixels", bound="projection")
    start = start_of(entry, recipe, observer)
    if observer.noise_like is not None and "start" not in entry.model_fields_set:
        start = "shaped"
    require_start(latents, start, observer.input.modality)
    return Phase(latents, make, repr(make()), stopping, start)


def _search(entry: StimulusSpec, parametrisation: Parametrisation) -> OptimiserSpec:
    if isinstance(entry, OfReference):
        return OptimiserSpec(name="lbfgs")
    long = isinstance(parametrisation, Fourier) and GOALS[entry.goal].farthest and not entry.of_sites
    return UNITS if long else OptimiserSpec(name="adam")


def _finish() -> Optimiser:
    return Adam(step=FINISH_STEP, memory=0.99)


def _robustness(entry: Controller, size: tuple[int, ...]) -> Robustness | None:
    asked = entry.robustness
    if asked is None:
        return Robustness(jitter=min(JITTER, min(size) // 2))
    moves = Robustness(jitter=asked.jitter, scale=asked.scale, rotation=asked.rotation, blur=asked.blur)
    moves.check(size)
    return moves if moves.moving(0.0) else None
