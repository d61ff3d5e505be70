"""How an entry of images is synthesised: which parametrisation and optimiser, for how long, in which order.

The defaults come from docs/optimiser_study.md. A metamer is found by L-BFGS in the Fourier domain. Where the match is
good by then, as at early layers, L-BFGS goes on in a whiter domain; elsewhere Adam finishes on pixels already rounded
to the file's levels, which ends 2 to 5 dB above L-BFGS alone at equal evaluations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.kinds import PARAMETRISATIONS
from synthstim.media import DEFAULT_BITS, levels_of, read_for
from synthstim.models import ImageInput, Observer
from synthstim.optimise import LBFGS, Adam, GradientAscent, Optimiser, Stopping
from synthstim.parametrise import Parametrisation, Pixels
from synthstim.recipe import STARTS, Controller, Metamer, OptimiserSpec, Recipe
from synthstim.robustness import Robustness

METAMER_EVALUATIONS = 800
CONTROLLER_EVALUATIONS = 300
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
# Bashivan et al. 2019 moved 299-pixel images by up to 19 pixels; less keeps fine structure.
JITTER = 4


@dataclass(frozen=True)
class Phase:
    """One stretch of synthesis.

    Attributes:
        parametrisation: latents of this phase.
        optimiser: makes a fresh optimiser.
        label: how the table calls it.
        stopping: per item.
        start: noise or a stimulus; None goes on from the phase before.
        robustness: random movement.
        levels: of the file, if this phase rounds to them.
        matches: the items it takes: those whose match in dB, after the phases before, lies from the first up to the second.
    """

    parametrisation: Parametrisation
    optimiser: Callable[[], Optimiser]
    label: str
    stopping: Stopping
    start: str | torch.Tensor | None = None
    robustness: Robustness | None = None
    levels: int | None = None
    matches: tuple[float, float] = (-math.inf, math.inf)

    @property
    def kind(self) -> str:
        """How the table calls the parametrisation."""
        return type(self.parametrisation).__name__.lower()

    def takes(self, match: float) -> bool:
        """Whether an item goes through this phase."""
        return self.matches[0] <= match < self.matches[1]


def phases_of(
    entry: Metamer | Controller, recipe: Recipe, observer: Observer, budget: int | None = None
) -> list[Phase]:
    """The phases of an entry's items.

    Args:
        budget: cap on the evaluations of each item.
    """
    default = METAMER_EVALUATIONS if isinstance(entry, Metamer) else CONTROLLER_EVALUATIONS
    evaluations = min(entry.evaluations or default, budget or 10**9)
    assert isinstance(observer.input, ImageInput)
    shape = observer.input.shape
    decay = SEARCH_DECAY if isinstance(entry, Metamer) else SITES_DECAY if entry.of_sites else None
    parametrisation = parametrisation_of(entry, observer, "fourier", decay=decay)
    start = _start(entry, recipe, observer)
    robustness = _robustness(entry, observer.input.size) if isinstance(entry, Controller) else None
    if entry.optimiser is not None or isinstance(entry, Controller) or entry.metric != "l2":
        make = optimiser_of(entry.optimiser or OptimiserSpec(name="lbfgs" if isinstance(entry, Metamer) else "adam"))
        if robustness is not None and not make().stochastic:
            if isinstance(entry, Controller) and entry.robustness is not None:
                raise InputError(
                    "robustness moves the image at random, which lbfgs cannot follow: choose adam or leave robustness out"
                )
            robustness = None
        return [Phase(parametrisation, make, repr(make()), stopping_of(entry, evaluations), start, robustness)]
    search = max(1, min(SEARCH, round(SEARCH_SHARE * evaluations)))
    first = Phase(parametrisation, LBFGS, repr(LBFGS()), stopping_of(entry, search), start)
    if evaluations <= search:
        return [first]
    rest = stopping_of(entry, evaluations - search)
    levels = levels_of(entry.bits or DEFAULT_BITS["image"], "image")
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


def _finish() -> Optimiser:
    return Adam(step=FINISH_STEP, decay=(0.9, 0.99))


def stopping_of(entry: Metamer | Controller, evaluations: int) -> Stopping:
    """When an item of an entry stops."""
    target = GOALS[entry.goal].target(entry)
    return Stopping(target=target, plateau=entry.plateau or 0.0, evaluations=evaluations, seconds=entry.seconds)


def parametrisation_of(
    entry: Metamer | Controller, observer: Observer, default: str, **defaults: float | None
) -> Parametrisation:
    """What an entry asks to be optimised, or the one of this name; ``defaults`` are settings where the recipe has none."""
    asked = entry.parametrisation
    given = {name: value for name, value in defaults.items() if value is not None}
    offer = PARAMETRISATIONS[asked.kind if asked is not None else default]
    made: Parametrisation = offer.build(observer.input, asked, **given)
    return made


def _start(entry: Metamer | Controller, recipe: Recipe, observer: Observer) -> str | torch.Tensor:
    if entry.start in STARTS:
        return entry.start
    return torch.from_numpy(read_for(recipe.resolve(entry.start), observer.input, fit=recipe.fit))[None]


def _robustness(entry: Controller, size: tuple[int, int]) -> Robustness | None:
    asked = entry.robustness
    if asked is None:
        return Robustness(jitter=min(JITTER, min(size) // 2))
    moves = Robustness(jitter=asked.jitter, scale=asked.scale, rotation=asked.rotation)
    moves.check(size)
    return moves if asked.jitter or asked.scale or asked.rotation else None


def optimiser_of(asked: OptimiserSpec) -> Callable[[], Optimiser]:
    """What makes the optimiser that a recipe asks for."""
    given = {name: value for name in ("step", "history", "schedule") if (value := getattr(asked, name)) is not None}
    if asked.name == "lbfgs":
        return lambda: LBFGS(**given)
    if asked.name == "adam":
        return lambda: Adam(**given)
    return lambda: GradientAscent(normalised=asked.name == "normalised_gradient", **given)
