"""Several units at once, each of which counts: the one that does worst is the score."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer, Unit
from synthstim.objectives.base import Activations, Objective, Scorer
from synthstim.objectives.reading import read_all


def weakest(
    sets: Sequence[Sequence[Unit]],
    *,
    temperature: float = 0.25,
    mean: Tensor | None = None,
    std: Tensor | None = None,
) -> Objective:
    """Drive several units as far as the least driven of them is; the score is their smooth minimum (Golan et al. 2020).

    A target is compared with the least of them itself.

    Args:
        sets: units of one observer, or of several as one, for each item; as many for all.
        temperature: below which differences between units are smoothed over, in the units of what is compared.
        mean, std: (batch, unit) of each over natural images, to compare them in z-scores; by default activations are compared.

    Example:
        >>> both = [Unit(layer="blocks.4", channel=42), Unit(layer="blocks.3", channel=7)]
        >>> weakest([both])
        weakest(2 units)
    """
    sets = [tuple(units) for units in sets]
    if not sets or len({len(units) for units in sets}) > 1 or any(len(set(units)) < 2 for units in sets):
        raise InputError("weakest needs two different units or more, as many for each item", code="too-few")
    if temperature <= 0:
        raise InputError(f"temperature {temperature} given; expected a positive number")

    def bind(observer: Observer, items: int) -> Scorer:
        if len(sets) != items:
            raise InputError(f"units of {len(sets)} items given for {items}", "give them for each")
        units = list(dict.fromkeys(unit for one in sets for unit in one))
        read_units, layers = read_all(observer, units)
        columns = torch.tensor([[units.index(unit) for unit in one] for one in sets], device=observer.device)
        shift = torch.zeros(1) if mean is None else mean
        scale = torch.ones(1) if std is None else std
        shift, scale = (value.to(observer.device, observer.dtype).expand(columns.shape) for value in (shift, scale))

        def compared(read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            return (read_units(read).gather(1, held[0]) - held[1]) / held[2]

        def score(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            values = compared(read, held)
            # Of equal values it is the value.
            return temperature * (math.log(values.shape[1]) - (-values / temperature).logsumexp(1))

        def least(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            return compared(read, held).amin(1)

        return Scorer(score, layers, constants=(columns, shift, scale), aim=least, controls=True)

    return Objective(bind, f"weakest({len(sets[0])} units)")
