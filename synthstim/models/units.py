"""Units: one number a stimulus, read from a layer's activations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models.axes import CHANNEL, Axes, Position
from synthstim.models.observer import Observer


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit of a layer: a channel somewhere, a flat index, a set of indices, or any function of activations.

    Attributes:
        layer: a layer of the observer.
        channel: of the layer, on whichever of its axes channels lie (``Observer.axes_of``).
        position: ``centre``; ``mean`` over space or time, of tokens over those of the image; (y, x), (frame,), (frame, y, x) or
            (frequency, frame); of tokens ``class`` or (token,), counted with those before the image's own.
        indices: flat indices into the layer; the unit is their mean.
        reader: activations (batch, ...) -> (batch,), differentiable; then ``label`` names it.

    Example:
        >>> Unit(layer="blocks.4", channel=42).name
        'channel 42 at centre'
    """

    layer: str
    channel: int | None = None
    position: Position = "centre"
    indices: tuple[int, ...] | None = None
    reader: Callable[[Tensor], Tensor] | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.channel, self.indices, self.reader)) != 1:
            raise InputError(f"a unit of {self.layer} needs exactly one of channel, indices or reader")
        if self.indices is not None and not self.indices:
            raise InputError(f"a unit of {self.layer} is the mean of no indices", "give at least one", code="too-few")

    @property
    def name(self) -> str:
        """How tables call the unit."""
        if self.label or self.reader is not None:
            return self.label or "a function"
        if self.indices is not None:
            return (
                f"index {self.indices[0]}"
                if len(self.indices) == 1
                else f"mean of indices {' '.join(map(str, self.indices))}"
            )
        return f"channel {self.channel} at {self.position if isinstance(self.position, str) else tuple(self.position)}"

    def read_by_function(self, activations: Tensor) -> Tensor:
        """What ``reader`` makes of activations, (batch,).

        Raises:
            InputError: the function does not give one number for each item.
        """
        assert self.reader is not None
        values = self.reader(activations)
        if tuple(values.shape) != (len(activations),):
            raise InputError(
                f"{self.name} of {self.layer} gave {tuple(values.shape)} for {len(activations)} items; expected one number each"
            )
        return values

    def flat_indices(self, shape: tuple[int, ...], axes: Axes | None = None) -> list[int]:
        """The flat indices into a layer of this shape whose mean is the unit.

        Args:
            axes: of the layer; only a channel needs them.

        Raises:
            InputError: an index, channel or position lies outside the layer.
        """
        total = math.prod(shape)
        if self.indices is not None:
            if bad := [index for index in self.indices if not 0 <= index < total]:
                raise InputError(f"index {bad[0]} is outside {self.layer}, which has {total} units: 0 to {total - 1}")
            return list(self.indices)
        assert self.channel is not None
        assert axes is not None
        channels = shape[axes.names.index(CHANNEL)]
        if not 0 <= self.channel < channels:
            raise InputError(
                f"channel {self.channel} is outside {self.layer}, which has {channels} channels: 0 to {channels - 1}"
            )
        places = axes.by_place(torch.arange(total).view(shape))[self.channel]
        return axes.pick(places, self.position, self.layer).tolist()


def indices_of(unit: Unit, observer: Observer) -> list[int]:
    """The flat indices into its layer whose mean is the unit.

    Raises:
        InputError: the layer has no such unit, or the unit is a channel and the layer's axes are in doubt.
    """
    axes = None if unit.channel is None else observer.axes_of(unit.layer)
    return unit.flat_indices(observer.layers[unit.layer], axes)


def gather_table(units: Sequence[Unit], observer: Observer) -> tuple[Tensor, Tensor]:
    """Indices (unit, k) and weights (unit, k) that read units of one layer as weighted sums of flat activations."""
    lists = [indices_of(unit, observer) for unit in units]
    longest = max(map(len, lists))
    indices = torch.zeros(len(units), longest, dtype=torch.long)
    weights = torch.zeros(len(units), longest)
    for row, found in enumerate(lists):
        indices[row, : len(found)] = torch.tensor(found)
        weights[row, : len(found)] = 1 / len(found)
    return indices, weights


def read_units(observer: Observer, stimuli: Tensor, units: Sequence[Unit]) -> Tensor:
    """Activations (batch, unit) of units of one observer, without gradients.

    Example:
        >>> read_units(observer, images, [Unit(layer="blocks.4", channel=42)]).shape
        torch.Size([4, 1])
    """
    layers = list(dict.fromkeys(unit.layer for unit in units))
    with torch.no_grad():
        activations = observer.activations(stimuli, layers)
    return units_in(activations, units, observer)


def units_in(activations: Mapping[str, Tensor], units: Sequence[Unit], observer: Observer) -> Tensor:
    """Units (batch, unit) of activations that an observer put out: layer -> (batch, ...).

    Example:
        >>> units = [Unit(layer="blocks.1", channel=3), Unit(layer="blocks.1", channel=5)]
        >>> units_in(observer.activations(images, ["blocks.1"]), units, observer).shape
        torch.Size([4, 2])
    """
    columns = []
    for unit in units:
        values = activations[unit.layer]
        if unit.reader is not None:
            columns.append(unit.read_by_function(values))
        else:
            index = torch.tensor(indices_of(unit, observer), device=values.device)
            columns.append(values.flatten(1)[:, index].mean(1))
    return torch.stack(columns, 1)
