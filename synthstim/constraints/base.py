"""What every constraint keeps to: a differentiable projection, each item on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.kinds import CONSTRAINTS
from synthstim.modalities import MODALITIES
from synthstim.modalities.base import Modality
from synthstim.recipe.fields import Section

# Several constraints are met in turn this often: then they stand within a level of an 8-bit file of one another.
TOGETHER = 8
# The violation at which constraints are said to be impossible.
TOLERANCE = 0.02
# How often constraints are met at most: limits on luminance and contrast settle slowly where the range cuts values.
SETTLING = 20
# Less than this changes no 8-bit level of an image, nor a sound that can be heard.
SETTLED = 1e-4
GREY = 0.5
SILENCE = 1e-9


class Constraint(Protocol):
    """The contract: ``project`` maps stimuli (batch, *shape) in range to stimuli that satisfy the constraint.

    Attributes:
        modality: name of the modality whose stimuli it is for.
    """

    modality: ClassVar[str]

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise InputError if no stimulus of this shape can satisfy it."""

    def project(self, stimuli: Tensor) -> Tensor:
        """The stimuli, brought to satisfy it; differentiable, per item."""


@runtime_checkable
class WithFigure(Protocol):
    """A constraint that sets a figure which a projection may fall short of, without changing anything any more."""

    def require_met(self, stimuli: Tensor) -> None:
        """Raise InputError unless projected stimuli have the figure."""


@dataclass(frozen=True)
class Limit:
    """A constraint that recipes may ask for.

    Attributes:
        options: the keys that it adds to ``constraints``, and their values.
        make: from these options, the observer's input and the recipe, the constraint; None if nothing is asked for.
        modality: name of the modality whose stimuli it is for.
        order: limits of higher order are met later, and so hold better.
        always: whether it is made where a recipe has none of its keys.
    """

    options: type[Section]
    make: Callable[[Any, Any, Any], Constraint | None]
    modality: str
    order: int = 0
    always: bool = False

    def keys_in(self, asked: Section) -> list[str]:
        """Those of its keys that a recipe has."""
        return [name for name in self.options.model_fields if name in asked.model_fields_set]


def asked_for(
    asked: Section, modality: str, input: Any = None, recipe: Any = None, also: Sequence[tuple[int, Constraint]] = ()
) -> list[Constraint]:
    """The projections that a recipe asks for, the ones that must hold best last.

    Args:
        asked: the ``constraints`` of a recipe.
        modality: of the stimuli.
        input: of the observer.
        recipe: for its files, and what it says of all its stimuli.
        also: further ones, each with its order.

    Example:
        >>> asked_for(CONSTRAINTS["energy"].options(energy=0.2), "image", observer.input)
        [Energy(most=0.2)]
    """
    out = list(also)
    for _, limit in CONSTRAINTS.usable():
        if limit.modality == modality and (limit.always or limit.keys_in(asked)):
            given = asked if isinstance(asked, limit.options) else limit.options()
            if (made := limit.make(given, input, recipe)) is not None:
                out.append((limit.order, made))
    return [constraint for _, constraint in sorted(out, key=lambda one: one[0])]


def check_all(constraints: Sequence[Constraint], shape: tuple[int, ...], modality: Modality | None = None) -> None:
    """Raise InputError, before any work, if a constraint cannot be met by a stimulus of this shape, alone or with the rest.

    Args:
        modality: of the stimuli, if constraints for those of another are to be refused.

    Example:
        >>> check_all([Energy(most=0.2)], (3, 64, 64))
        >>> check_all([Energy(most=0.7)], (3, 64, 64))
        Traceback (most recent call last):
        synthstim.errors.InputError: ...
    """
    for constraint in constraints:
        if modality is not None and constraint.modality != modality.name:
            limited = MODALITIES[constraint.modality].plural
            raise InputError(
                f"{type(constraint).__name__} limits {limited}, the stimuli are {modality.plural}",
                "remove it",
                code="mismatch",
            )
        constraint.check(shape)
    # In range for stimuli and sounds alike.
    probe = project_all(constraints, torch.rand((2, *shape), generator=torch.Generator().manual_seed(0)))
    for constraint, off in zip(constraints, violations(constraints, probe), strict=True):
        if not off <= TOLERANCE:
            others = " together with the other constraints" if len(constraints) > 1 else ""
            raise InputError(
                f"{constraint} cannot be met{others}: it stays off by {off:.2g}, relax it", code="unattainable"
            )
        if isinstance(constraint, WithFigure):
            constraint.require_met(probe)


def project_all(constraints: Sequence[Constraint], stimuli: Tensor) -> Tensor:
    """Project onto every constraint in turn, several times round when there are several; the last holds best."""
    for _ in range(TOGETHER if len(constraints) > 1 else 1):
        for constraint in constraints:
            stimuli = constraint.project(stimuli)
    return stimuli


def brought_within(stimuli: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Stimuli (batch, *shape) that meet the constraints of the controllers they are compared with, or of their own."""
    for _ in range(SETTLING if constraints else 0):
        before, stimuli = stimuli, project_all(constraints, stimuli)
        if bool((stimuli - before).abs().max() < SETTLED):
            break
    return stimuli


def as_kept(stimuli: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Stimuli as a set keeps them: a step of synthesis comes near its limits, some of which all are to stand on."""
    if any(getattr(limit, "settles", False) for limit in constraints):
        return brought_within(stimuli.double(), constraints).to(stimuli.dtype)
    return stimuli


def violations(constraints: Sequence[Constraint], stimuli: Tensor) -> list[float]:
    """How far stimuli are from each constraint: what projecting the worst one changes, as ``Modality.off`` has it."""
    stimuli = stimuli.detach()
    return [MODALITIES[one.modality].off(one.project(stimuli) - stimuli, stimuli) for one in constraints]
