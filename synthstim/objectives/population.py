"""Driving a population along an axis of its units."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer, Unit
from synthstim.objectives.base import Activations, Objective, Scorer
from synthstim.objectives.reading import read_all


def population_drive(
    units: Sequence[Unit],
    weights: Sequence[float],
    *,
    mean: Tensor | None = None,
    std: Tensor | None = None,
) -> Objective:
    """Drive a population along an axis; the score is the weighted sum of its units.

    Args:
        units: of one observer, each once, the same for all items; on one scale, as those of the layer ``sites_z`` are.
        weights: of each: equal ones drive the mean, those of two signs one group over another.
        mean, std: (unit,) that z-score the units; none by default.

    Example:
        >>> population_drive([Unit(layer="sites_z", channel=0), Unit(layer="sites_z", channel=3)], [0.5, -0.5])
        population_drive(2 units)
    """
    if len(weights) != len(units) or not any(weights):
        raise InputError(f"{len(weights)} weights given for {len(units)} units", "give each one, not all of them 0")
    along = torch.as_tensor(weights)

    def projected(z: Tensor) -> Tensor:
        return z @ along.to(z)

    return Objective(_bound(units, projected, mean, std), f"population_drive({len(units)} units)")


def _bound(
    units: Sequence[Unit], score: Callable[[Tensor], Tensor], mean: Tensor | None, std: Tensor | None
) -> Callable[[Observer, int], Scorer]:
    if not units or len(set(units)) < len(units):
        raise InputError("a population needs one unit or more, each of them once")

    def bind(observer: Observer, items: int) -> Scorer:
        read_units, layers = read_all(observer, units)
        shift = torch.zeros(len(units)) if mean is None else mean
        scale = torch.ones(len(units)) if std is None else std
        held = tuple(value.to(observer.device, observer.dtype).expand(items, len(units)) for value in (shift, scale))

        def of_population(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            return score((read_units(read) - held[0]) / held[1])

        return Scorer(of_population, layers, constants=held, aim=of_population, controls=True)

    return bind
