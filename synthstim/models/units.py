"""Units: one number a stimulus, read from a layer's activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models.observer import Observer

Position = str | tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A unit of a layer: a channel somewhere, a flat index, a set of indices, or any function of activations.

    Attributes:
        layer: a layer of the observer.
        channel: of a (channel, y, x) layer or a vector; of a layer with two axes, (token, channel) where images are
            seen and (channel, frame) where sounds are heard.
        position: ``centre``, ``mean`` over space or time, (y, x), (token,) or (frame,).
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
            raise InputError(f"a unit of {self.layer} is the mean of no indices: give at least one")

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
                f"{self.name} of {self.layer} gave {tuple(values.shape)} for {len(activations)} items: wanted one number each"
            )
        return values

    def flat_indices(self, shape: tuple[int, ...], *, channel_axis: int = 1) -> list[int]:
        """The flat indices into a layer of this shape whose mean is the unit.

        Args:
            channel_axis: of a layer with two axes, as the observer's input has it.

        Raises:
            InputError: an index, channel or position lies outside the layer.
        """
        total = torch.Size(shape).numel()
        if self.indices is not None:
            if bad := [index for index in self.indices if not 0 <= index < total]:
                raise InputError(f"index {bad[0]} is outside {self.layer}, which has {total} units: 0 to {total - 1}")
            return list(self.indices)
        assert self.channel is not None
        axis = channel_axis if len(shape) == 2 else 0
        if not 0 <= self.channel < shape[axis]:
            raise InputError(
                f"channel {self.channel} is outside {self.layer}, which has {shape[axis]} channels: 0 to {shape[axis] - 1}"
            )
        grid = torch.arange(total).view(shape).select(axis, self.channel)
        return grid[self._where(tuple(grid.shape))].flatten().tolist()

    def _where(self, grid: tuple[int, ...]) -> tuple[int | slice, ...]:
        if self.position == "mean" or not grid:
            return (slice(None),) * len(grid)
        if self.position == "centre":
            return tuple(side // 2 for side in grid)
        if isinstance(self.position, str):
            raise InputError(f"position {self.position!r} is unknown: choose centre, mean or {len(grid)} coordinates")
        if len(self.position) != len(grid) or any(
            not 0 <= at < side for at, side in zip(self.position, grid, strict=False)
        ):
            raise InputError(
                f"position {tuple(self.position)} is outside {self.layer}, which is {' x '.join(map(str, grid))}"
            )
        return tuple(self.position)


def gather_table(units: Sequence[Unit], shape: tuple[int, ...], *, channel_axis: int = 1) -> tuple[Tensor, Tensor]:
    """Indices (unit, k) and weights (unit, k) that read units of one layer as weighted sums of flat activations."""
    lists = [unit.flat_indices(shape, channel_axis=channel_axis) for unit in units]
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
        >>> read_units(observer, images, [Unit(layer="blocks.4", channel=42)])  # doctest: +SKIP
    """
    layers = list(dict.fromkeys(unit.layer for unit in units))
    with torch.no_grad():
        activations = observer.activations(stimuli, layers)
    columns = []
    for unit in units:
        values = activations[unit.layer]
        if unit.reader is not None:
            columns.append(unit.read_by_function(values))
        else:
            found = unit.flat_indices(tuple(values.shape[1:]), channel_axis=observer.input.channel_axis)
            index = torch.tensor(found, device=values.device)
            columns.append(values.flatten(1)[:, index].mean(1))
    return torch.stack(columns, 1)
