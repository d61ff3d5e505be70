"""What every objective is: something that composes, and that is bound to an observer and a number of items."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer

Activations = Mapping[str, Tensor]
ScoreFunction = Callable[[Tensor, Activations, tuple[Tensor, ...]], Tensor]
Bind = Callable[[Observer, int], "Scorer"]


@dataclass(frozen=True)
class Scorer:
    """An objective bound to an observer and to the items of a batch.

    Attributes:
        function: (stimuli, activations, constants) -> (batch,) scores.
        layers: what must be read.
        through: layers read through their rectifier (see ``read_layers``).
        constants: per-item tensors, (batch, ...): targets, indices; they follow the items that remain.
        aim: what a target is compared with, as the score is computed: the activation that is wanted, whatever is put on
            or taken off besides. None for a penalty, which no target is meant for.
        controls: whether units are controlled, which may have to be woken first.
        decibels: whether the score is a match in dB, so that 10 ** (-score / 10) is a squared error.
        coupled: whether items look at one another (copies that should differ).
    """

    function: ScoreFunction
    layers: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    constants: tuple[Tensor, ...] = ()
    aim: ScoreFunction | None = None
    controls: bool = False
    decibels: bool = False
    coupled: bool = False

    def __call__(self, stimuli: Tensor, activations: Activations) -> Tensor:
        """Scores (batch,) of stimuli and what the observer made of them."""
        return self.function(stimuli, activations, self.constants)

    def aims(self, stimuli: Tensor, activations: Activations) -> Tensor:
        """What a target is compared with (batch,)."""
        return (self.aim or self.function)(stimuli, activations, self.constants)

    def select(self, items: Tensor | slice) -> Scorer:
        """The scorer of some of the items."""
        return replace(self, constants=tuple(constant[items] for constant in self.constants))


class Objective:
    """Something to maximise, composable with ``+``, ``-`` and ``*``.

    Args:
        bind: (observer, items) -> Scorer; raises InputError for what the observer lacks.
        label: how it prints.
    """

    def __init__(self, bind: Bind, label: str) -> None:
        self.bind = bind
        self.label = label

    def __repr__(self) -> str:
        return self.label

    def __add__(self, other: Objective) -> Objective:
        if not isinstance(other, Objective):
            raise InputError(f"{other!r} given; only an objective can be added to {self}")

        def bind(observer: Observer, items: int) -> Scorer:
            one, two = self.bind(observer, items), other.bind(observer, items)
            own = slice(0, len(one.constants)), slice(len(one.constants), None)
            return Scorer(
                _both(_of(one.function, own[0]), _of(two.function, own[1])),
                tuple(dict.fromkeys((*one.layers, *two.layers))),
                tuple(dict.fromkeys((*one.through, *two.through))),
                (*one.constants, *two.constants),
                aim=_aim_of_both(one, two, own),
                controls=one.controls or two.controls,
                coupled=one.coupled or two.coupled,
            )

        return Objective(bind, f"{self} + {other}")

    def judged_by(self, other: Objective) -> Objective:
        """The same score, whose target is compared with what another objective's target is compared with."""

        def bind(observer: Observer, items: int) -> Scorer:
            one, two = self.bind(observer, items), other.bind(observer, items)
            own = slice(0, len(one.constants)), slice(len(one.constants), None)
            return replace(
                one,
                function=_of(one.function, own[0]),
                layers=tuple(dict.fromkeys((*one.layers, *two.layers))),
                constants=(*one.constants, *two.constants),
                aim=_of(two.aim or two.function, own[1]),
            )

        return Objective(bind, self.label)

    def __mul__(self, factor: float) -> Objective:
        if not isinstance(factor, int | float) or not math.isfinite(factor):
            raise InputError(f"{factor!r} given; an objective is multiplied by a finite number")

        def bind(observer: Observer, items: int) -> Scorer:
            one = self.bind(observer, items)
            function = _times(factor, one.function)
            aim = function if one.aim is one.function else None if one.aim is None else _times(factor, one.aim)
            return replace(one, function=function, aim=aim, decibels=one.decibels and factor == 1)

        return Objective(bind, f"{factor:g} * ({self})")

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return self * -1

    def __sub__(self, other: Objective) -> Objective:
        return self + -other


def _of(part: ScoreFunction, own: slice) -> ScoreFunction:
    """A part of an objective, given its own constants of all."""
    return lambda stimuli, read, held: part(stimuli, read, held[own])


def _aim_of_both(one: Scorer, two: Scorer, own: tuple[slice, slice]) -> ScoreFunction | None:
    aims = [_of(part.aim, place) for part, place in zip((one, two), own, strict=True) if part.aim is not None]
    return _both(*aims) if len(aims) == 2 else aims[0] if aims else None


def _both(one: ScoreFunction, two: ScoreFunction) -> ScoreFunction:
    return lambda *given: one(*given) + two(*given)


def _times(factor: float, part: ScoreFunction) -> ScoreFunction:
    return lambda *given: factor * part(*given)
