"""The units that a controller acts on, and those that it must leave alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, model_validator
from typing_extensions import Self

from synthstim.recipe.expected import Expected, listed
from synthstim.recipe.fields import Index, Indices, LayerName, Section, Text, check_different
from synthstim.recipe.problems import problem, raise_problems

POSITIONS = ("centre", "mean", "class")
# The layer on which fitted sites stand, as synthstim.encoding calls it: a recipe loads nothing of it.
SITES = "sites"
ALL = "all"
_POSITION = "'centre', 'mean' or [y, x]; [frame] of sounds, [frame, y, x] of movies; 'class' or [token] of tokens"


def _position(value: Any) -> Any:
    if isinstance(value, str) and value in POSITIONS:
        return value
    if isinstance(value, (list, tuple)) and 1 <= len(value) <= 3 and all(type(at) is int and at >= 0 for at in value):
        return tuple(value)
    if value == "center":
        raise problem("is 'center': write 'centre'")
    if isinstance(value, (list, tuple)):
        raise problem(f"is {list(value)!r:.60}; expected {_POSITION}, in whole steps of the layer from 0")
    raise ValueError


Position = Annotated[str | tuple[int, ...], BeforeValidator(_position), Expected(_POSITION)]


def _sites(value: Any) -> Any:
    if value == ALL and isinstance(value, str):
        return ALL
    if not isinstance(value, (list, tuple)) or not value:
        raise ValueError
    raise_problems(
        ((place,), f"is {one!r:.60}; expected the name of a site: put it in quotes")
        for place, one in enumerate(value)
        if not isinstance(one, str) or not one
    )
    return check_different(tuple(value))


Sites = Annotated[str | tuple[str, ...], BeforeValidator(_sites), Expected("'all' or a list of the names of sites")]


def _on_sites(value: Any) -> Any:
    """Fitted sites need not say on which layer they stand."""
    return {"layer": SITES, **value} if isinstance(value, dict) and ("site" in value or "sites" in value) else value


def _without_layer(schema: dict[str, Any]) -> None:
    schema["required"] = [name for name in schema["required"] if name != "layer"]


class UnitSpec(Section):
    """One unit of a layer, or several of which each gets controllers of its own.

    Attributes:
        layer: of the observer; implied for fitted sites.
        channel: a channel of the layer.
        channels: channels of the layer, each controlled by itself.
        index: a flat index into the layer.
        indices: flat indices into the layer, whose mean is controlled.
        site: a fitted site, by its name.
        sites: fitted sites, each controlled by itself; ``all`` of them.
        position: where in a channel: its centre, the mean over space or time, or [y, x], [frame] or [frame, y, x] in steps of the layer;
            of tokens the class token, or [token], counted with it.
    """

    layer: LayerName
    channel: Index | None = None
    channels: Indices | None = None
    index: Index | None = None
    indices: Indices | None = None
    site: Text | None = None
    sites: Sites | None = None
    position: Position = "centre"

    model_config = ConfigDict(json_schema_extra=_without_layer)
    _implied = model_validator(mode="before")(_on_sites)

    @model_validator(mode="after")
    def _check_way(self) -> Self:
        _check_ways(self, ("channel", "channels", "index", "indices"), ("site", "sites"))
        return self

    @property
    def of_sites(self) -> bool:
        """Whether fitted sites are meant, by name."""
        return self.site is not None or self.sites is not None

    def site_list(self, known: Sequence[str] = ()) -> tuple[str, ...]:
        """The sites, one or several; ``all`` are those that are known. Empty for channels and indices."""
        return (self.site,) if self.site is not None else _named(self.sites, known)

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
        sites: fitted sites, by their names; the one that is driven is not held down, if it is among them.
        position: where in the channels, as for a unit.
    """

    layer: LayerName
    channels: Indices | None = None
    indices: Indices | None = None
    sites: Sites | None = None
    position: Position = "centre"

    model_config = ConfigDict(json_schema_extra=_without_layer)
    _implied = model_validator(mode="before")(_on_sites)

    @model_validator(mode="after")
    def _check_way(self) -> Self:
        _check_ways(self, ("channels", "indices"), ("sites",))
        return self

    def site_list(self, known: Sequence[str] = ()) -> tuple[str, ...]:
        """The sites; ``all`` are those that are known."""
        return _named(self.sites, known)

    def shared(self, unit: UnitSpec) -> list[tuple[str, int, int]]:
        """What is target and other at once: key, place in its list, and number."""
        if self.layer != unit.layer:
            return []
        places = {self.position, unit.position}
        same_place = len(places) == 1 or "mean" in places
        channels = unit.channel_list if same_place else ()
        pairs = (("channels", self.channels or (), channels), ("indices", self.indices or (), unit.index_list))
        return [(key, at, n) for key, own, taken in pairs for at, n in enumerate(own) if n in taken]


def _named(sites: str | tuple[str, ...] | None, known: Sequence[str]) -> tuple[str, ...]:
    return tuple(known) if sites == ALL else tuple(sites or ())


def _check_ways(spec: UnitSpec | OthersSpec, ways: tuple[str, ...], by_name: tuple[str, ...]) -> None:
    given = [way for way in (*by_name, *ways) if getattr(spec, way) is not None]
    choice = listed(ways, "or")
    if not given:
        raise problem(f"says no unit of {spec.layer}: give exactly one of {choice}")
    choice = listed((*ways, *by_name), "or") if given[0] in by_name else choice
    problems = [((way,), f"does not go with {given[0]}: give exactly one of {choice}") for way in given[1:]]
    if given[0] in by_name and spec.layer != SITES:
        problems.append((("layer",), f"is {spec.layer!r}, but fitted sites stand on {SITES!r}: remove it"))
    if "position" in spec.model_fields_set and given[0] not in ("channel", "channels"):
        problems.append((("position",), f"goes with channels only, but {given[0]} says where already: remove it"))
    raise_problems(problems)
