"""The units that a controller acts on, and those that it must leave alone."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator
from typing_extensions import Self

from synthstim.recipe.fields import Index, Indices, LayerName, Section
from synthstim.recipe.problems import problem, raise_problems
from synthstim.recipe.wanted import Wanted, listed

POSITIONS = ("centre", "mean")
_POSITION = "'centre', 'mean' or [y, x], [frame] in a layer of (channel, frame)"


def _position(value: Any) -> Any:
    if isinstance(value, str) and value in POSITIONS:
        return value
    if isinstance(value, (list, tuple)) and len(value) in (1, 2) and all(type(at) is int and at >= 0 for at in value):
        return tuple(value)
    if value == "center":
        raise problem("is 'center': write 'centre'")
    if isinstance(value, (list, tuple)):
        raise problem(f"is {list(value)!r:.60}, wanted {_POSITION}, in whole steps of the layer from 0")
    raise ValueError


Position = Annotated[str | tuple[int, ...], BeforeValidator(_position), Wanted(_POSITION)]


class UnitSpec(Section):
    """One unit of a layer, or several of which each gets controllers of its own.

    Attributes:
        channel: a channel of the layer.
        channels: channels of the layer, each controlled by itself.
        index: a flat index into the layer.
        indices: flat indices into the layer, whose mean is controlled.
        position: where in a channel: its centre, the mean over space or time, or [y, x] or [frame] in steps of the layer.
    """

    layer: LayerName
    channel: Index | None = None
    channels: Indices | None = None
    index: Index | None = None
    indices: Indices | None = None
    position: Position = "centre"

    @model_validator(mode="after")
    def _check_way(self) -> Self:
        _check_ways(self, ("channel", "channels", "index", "indices"))
        return self

    @property
    def channel_list(self) -> tuple[int, ...]:
        """The channels, one or several; empty for flat indices."""
        return self.channels or (() if self.channel is None else (self.channel,))

    @property
    def index_list(self) -> tuple[int, ...]:
        """The flat indices, one or several; empty for channels."""
        return self.indices or (() if self.index is None else (self.index,))


class OthersSpec(Section):
    """The units that a one_hot controller holds down.

    Attributes:
        channels: channels of the layer.
        indices: flat indices into the layer.
        position: where in the channels, as for a unit.
    """

    layer: LayerName
    channels: Indices | None = None
    indices: Indices | None = None
    position: Position = "centre"

    @model_validator(mode="after")
    def _check_way(self) -> Self:
        _check_ways(self, ("channels", "indices"))
        return self

    def shared(self, unit: UnitSpec) -> list[tuple[str, int, int]]:
        """What is target and other at once: key, place in its list, and number."""
        if self.layer != unit.layer:
            return []
        places = {self.position, unit.position}
        same_place = len(places) == 1 or "mean" in places
        channels = unit.channel_list if same_place else ()
        pairs = (("channels", self.channels or (), channels), ("indices", self.indices or (), unit.index_list))
        return [(key, at, n) for key, own, taken in pairs for at, n in enumerate(own) if n in taken]


def _check_ways(spec: UnitSpec | OthersSpec, ways: tuple[str, ...]) -> None:
    given = [way for way in ways if getattr(spec, way) is not None]
    choice = listed(ways, "or")
    if not given:
        raise problem(f"says no unit of {spec.layer}: give exactly one of {choice}")
    problems = [((way,), f"does not go with {given[0]}: give exactly one of {choice}") for way in given[1:]]
    if "position" in spec.model_fields_set and given[0] in ("index", "indices"):
        problems.append((("position",), f"goes with channels only, but {given[0]} says where already: remove it"))
    raise_problems(problems)
