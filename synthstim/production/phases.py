"""Phases: how an entry is synthesised; which latents and optimiser, from where, for how long."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.kinds import PARAMETRISATIONS
from synthstim.modalities.base import Modality, Stimulus, StimulusInput
from synthstim.models import Observer
from synthstim.optimise import LBFGS, Adam, GradientAscent, Optimiser, Stopping
from synthstim.parametrise import Parametrisation, latents_of
from synthstim.recipe import STARTS, OfReference, OptimiserSpec, Recipe, StimulusSpec
from synthstim.robustness import Robustness

CONTROLLER_EVALUATIONS = 300


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


def stopping_of(entry: StimulusSpec, evaluations: int) -> Stopping:
    """When an item of an entry stops."""
    target = GOALS[entry.goal].target(entry)
    return Stopping(target=target, plateau=entry.plateau or 0.0, evaluations=evaluations, seconds=entry.seconds)


def evaluations_of(entry: StimulusSpec, metamer: int, budget: int | None) -> int:
    """The evaluations that each item may spend: as asked for, or so many of what has a reference, and no more than the budget."""
    default = metamer if isinstance(entry, OfReference) else CONTROLLER_EVALUATIONS
    return min(entry.evaluations or default, budget or 10**9)


def parametrisation_of(
    entry: StimulusSpec, observer: Observer, default: str, **defaults: float | str | None
) -> Parametrisation:
    """What an entry asks to be optimised, or the one of this name; ``defaults`` are settings where the recipe has none."""
    asked = entry.parametrisation
    kind = asked.kind if asked is not None else default
    given = {name: value for name, value in defaults.items() if value is not None and kind == default}
    offer = PARAMETRISATIONS[kind]
    made: Parametrisation = offer.build(observer.input, asked, **given)
    return made


def require_start(parametrisation: Parametrisation, start: str | torch.Tensor, modality: Modality) -> None:
    """Raise InputError if synthesis is to start from a stimulus whose latents cannot be found."""
    if not isinstance(start, str) or start in modality.shaped_starts:
        latents_of(parametrisation, torch.zeros((1, *parametrisation.shape)))


def on_latents(phases: Sequence[Phase], parametrisation: Parametrisation, input: StimulusInput) -> list[Phase]:
    """Phases on latents of the user's own instead: one, with the evaluations of all.

    Raises:
        InputError: the latents render to stimuli of another shape, or cannot be found from what synthesis starts from.
    """
    if tuple(parametrisation.shape) != input.shape:
        raise InputError(
            f"a parametrisation of {tuple(parametrisation.shape)} given; expected {input.shape}",
            "let it render to the shape that the observer is given",
            code="mismatch",
        )
    first, *others = phases
    require_start(parametrisation, first.start if first.start is not None else "", input.modality)
    evaluations = first.stopping.evaluations + max((phase.stopping.evaluations for phase in others), default=0)
    return [replace(first, parametrisation=parametrisation, stopping=replace(first.stopping, evaluations=evaluations))]


def read_given(path: str, recipe: Recipe, input: StimulusInput) -> Stimulus:
    """A file that a recipe names, read as the observer is given it.

    Raises:
        InputError: it cannot be read, or does not fit.
    """
    modality = input.modality
    how = {name: getattr(recipe, name) for name in modality.reading}
    return modality.read_for(recipe.resolve(path), input, fit=recipe.fit, **how)


def start_of(entry: StimulusSpec, recipe: Recipe, observer: Observer) -> str | torch.Tensor:
    """What an entry starts from: noise by its name, or a file's stimulus (1, *shape)."""
    modality = observer.input.modality
    if "start" not in entry.model_fields_set:
        return modality.starts[0]
    if entry.start in STARTS:
        return entry.start
    return torch.from_numpy(read_given(entry.start, recipe, observer.input))[None]


def optimiser_of(asked: OptimiserSpec) -> Callable[[], Optimiser]:
    """What makes the optimiser that a recipe asks for."""
    names = ("step", "history", "schedule", "momentum")
    given = {name: value for name in names if (value := getattr(asked, name)) is not None}
    if asked.name == "lbfgs":
        return lambda: LBFGS(**given)
    if asked.name == "adam":
        return lambda: Adam(**given)
    return lambda: GradientAscent(normalised=asked.name == "normalised_gradient", **given)
