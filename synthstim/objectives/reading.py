"""Units of a batch, read from the activations of their layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer, Unit, gather_table, read_units
from synthstim.objectives.base import Activations, Scorer


def read_each(observer: Observer, units: Unit | Sequence[Unit], items: int) -> Scorer:
    """One unit of each item: a scorer whose score is its activation."""
    each = [units] * items if isinstance(units, Unit) else list(units)
    if len(each) != items:
        raise InputError(f"{len(each)} units given for {items} items", "give one for all or one for each")
    layers = {unit.layer for unit in each}
    if any(unit.reader is not each[0].reader for unit in each):
        raise InputError("a unit that is a function is read in a batch of its own", "run it apart")
    if len(layers) > 1:
        raise InputError(
            f"the items of one batch read one layer, {' and '.join(sorted(layers))} given", "run them apart"
        )
    (layer,) = layers
    observer.require([layer])
    if each[0].reader is not None:
        unit = each[0]

        def by_function(_stimuli: Tensor, read: Activations, _held: tuple[Tensor, ...]) -> Tensor:
            return unit.read_by_function(read[layer])

        return Scorer(by_function, (layer,), aim=by_function, controls=True)
    indices, weights = gather_table(each, observer)
    constants = (indices.to(observer.device), weights.to(observer.device, observer.dtype))

    def gathered(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
        return (read[layer].flatten(1).gather(1, held[0]) * held[1]).sum(1)

    return Scorer(gathered, (layer,), constants=constants, aim=gathered, controls=True)


def read_all(observer: Observer, units: Sequence[Unit]) -> tuple[Callable[[Activations], Tensor], tuple[str, ...]]:
    """Many units of every item: a function of activations that gives (batch, unit), and the layers that it reads.

    The units of a layer are gathered at once, however many there are.
    """
    layers = tuple(dict.fromkeys(unit.layer for unit in units))
    observer.require(layers)
    parts: list[Callable[[Activations], Tensor]] = []
    order: list[int] = []
    for layer in layers:
        plain = [place for place, unit in enumerate(units) if unit.layer == layer and unit.reader is None]
        if plain:
            parts.append(_gatherer(observer, layer, [units[place] for place in plain]))
            order += plain
    for place, unit in enumerate(units):
        if unit.reader is not None:
            parts.append(lambda read, unit=unit: unit.read_by_function(read[unit.layer])[:, None])  # type: ignore[misc]
            order.append(place)
    back = torch.tensor(order).argsort().to(observer.device)
    return lambda read: torch.cat([part(read) for part in parts], 1).index_select(1, back), layers


def _gatherer(observer: Observer, layer: str, units: Sequence[Unit]) -> Callable[[Activations], Tensor]:
    indices, weights = gather_table(units, observer)
    flat, weights = indices.flatten().to(observer.device), weights.to(observer.device, observer.dtype)
    return lambda read: (read[layer].flatten(1).index_select(1, flat).unflatten(1, weights.shape) * weights).sum(2)


def standardisation(observer: Observer, pool: Tensor, units: Sequence[Unit]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (unit,) of units over natural images (image, channel, y, x), for ``one_hot``.

    Example:
        >>> mean, std = standardisation(observer, images, [Unit(layer="blocks.1", channel=3)])
        >>> mean.shape, bool(std > 0)
        (torch.Size([1]), True)
    """
    values = read_units(observer, pool, units)
    return values.mean(0), values.std(0).clamp_min(1e-6)
