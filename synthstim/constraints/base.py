"""What every constraint keeps to: a differentiable projection, each item on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor

from synthstim.errors import InputError

# Several constraints are met in turn this often: then they stand within a level of an 8-bit file of one another.
TOGETHER = 8
# The violation at which constraints are said to be impossible.
TOLERANCE = 0.02


class Constraint(Protocol):
    """The contract: ``project`` maps stimuli (batch, *shape) in range to stimuli that satisfy the constraint.

    Attributes:
        axes: of the stimuli that it is for: 3 of images (channel, y, x), 1 of sounds (time).
    """

    axes: ClassVar[int]

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise InputError if no stimulus of this shape can satisfy it."""

    def project(self, stimuli: Tensor) -> Tensor:
        """The stimuli, brought to satisfy it; differentiable, per item."""


@runtime_checkable
class WithFigure(Protocol):
    """A constraint that sets a figure which a projection may fall short of, without changing anything any more."""

    def require_met(self, stimuli: Tensor) -> None:
        """Raise InputError unless projected stimuli have the figure."""


def check_all(constraints: Sequence[Constraint], shape: tuple[int, ...]) -> None:
    """Raise InputError, before any work, if a constraint cannot be met by a stimulus of this shape, alone or with the rest."""
    for constraint in constraints:
        if constraint.axes != len(shape):
            kinds = ("images", "sounds") if constraint.axes == 3 else ("sounds", "images")
            raise InputError(f"{type(constraint).__name__} limits {kinds[0]}, the stimuli are {kinds[1]}: remove it")
        constraint.check(shape)
    # In range for stimuli and sounds alike.
    probe = project_all(constraints, torch.rand((2, *shape), generator=torch.Generator().manual_seed(0)))
    for constraint, off in zip(constraints, violations(constraints, probe), strict=True):
        if not off <= TOLERANCE:
            others = " together with the other constraints" if len(constraints) > 1 else ""
            raise InputError(f"{constraint} cannot be met{others}: it stays off by {off:.2g}, relax it")
        if isinstance(constraint, WithFigure):
            constraint.require_met(probe)


def project_all(constraints: Sequence[Constraint], stimuli: Tensor) -> Tensor:
    """Project onto every constraint in turn, several times round when there are several; the last holds best."""
    for _ in range(TOGETHER if len(constraints) > 1 else 1):
        for constraint in constraints:
            stimuli = constraint.project(stimuli)
    return stimuli


def violations(constraints: Sequence[Constraint], stimuli: Tensor) -> list[float]:
    """How far stimuli are from each constraint: what projecting the worst one changes.

    Of images the largest change, in display values; of sounds, which may be as quiet as they like, the root mean square
    of the change relative to that of the sound.
    """
    stimuli = stimuli.detach()
    return [_size(constraint.project(stimuli) - stimuli, stimuli) for constraint in constraints]


def _size(change: Tensor, stimuli: Tensor) -> float:
    if stimuli.ndim > 2:
        return float(change.abs().max())
    return float((change.norm(dim=-1) / stimuli.norm(dim=-1).clamp_min(1e-12)).max())
