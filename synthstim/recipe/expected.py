"""What a schema wants at a location, in words."""

from __future__ import annotations

import types
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from synthstim.recipe.yaml_source import Location

# Keys of fixed values by which schemas that may stand at one place are told apart, the first one first.
DECIDERS = ("kind", "goal")
_BOUNDS = {"ge": annotated_types.Ge, "gt": annotated_types.Gt, "le": annotated_types.Le, "lt": annotated_types.Lt}


@dataclass(frozen=True)
class Expected:
    """Words for an annotation that its type alone does not explain: ``Annotated[str, Expected("an image file")]``."""

    words: str


class Branches(ABC):
    """An annotation for one of several models that are found only when they are asked for."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What is wanted."""

    @abstractmethod
    def models(self) -> Sequence[type[BaseModel]]:
        """The models that may stand there."""


@dataclass(frozen=True)
class Option:
    """One type that may stand at a location, with the constraints on it."""

    annotation: Any
    metadata: tuple[Any, ...] = ()

    @property
    def model(self) -> type[BaseModel] | None:
        """The type, if it is a model."""
        # Python 3.10 takes dict[str, int] for a class, too.
        plain = isinstance(self.annotation, type) and get_origin(self.annotation) is None
        return self.annotation if plain and issubclass(self.annotation, BaseModel) else None

    @property
    def kinds(self) -> tuple[Any, ...]:
        """The values of the model's field ``kind``, which tells models of a union apart."""
        return values_of(self.model, "kind") if self.model else ()


def values_of(model: type[BaseModel], key: str) -> tuple[Any, ...]:
    """The values that a model's key may have; none for a key that may have any."""
    annotation = model.model_fields[key].annotation if key in model.model_fields else None
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def narrowed(models: Sequence[type[BaseModel]], data: Mapping[str, Any]) -> tuple[list[type[BaseModel]], str | None]:
    """The models that a mapping may be of by its kind and its goal, and the first of these keys that fits none."""
    left = list(models)
    for key in DECIDERS:
        if not any(values_of(model, key) for model in left):
            continue
        fit = [model for model in left if data.get(key, model.model_fields[key].default) in values_of(model, key)]
        if not fit:
            return left, key
        left = fit
    return left, None


def options_at(model: type[BaseModel], location: Location, data: Any = None) -> list[Option]:
    """The types that a model allows at one of pydantic's error locations; the last part may be an unknown key.

    Args:
        data: what the model was given: where several models may stand, it says which.
    """
    options = [Option(model)]
    for index, part in enumerate(location):
        # The branch of a union, which a field of its model may be called like.
        if isinstance(data, Mapping) and part == data.get("kind") and index < len(location) - 1:
            options = narrowed_options(options, data)
            continue
        found = list(_step(narrowed_options(options, data), part))
        options = found or options
        data = data[part] if holds(data, part) else data
    return options


def holds(data: Any, part: str | int) -> bool:
    """Whether a mapping has this key, or a list this place."""
    if isinstance(data, (list, tuple)):
        return isinstance(part, int) and part < len(data)
    return isinstance(data, dict) and part in data


def narrowed_options(options: Sequence[Option], data: Any) -> list[Option]:
    """Those of several models that the data may be of."""
    models = [option.model for option in options if option.model]
    if len(models) < 2 or not isinstance(data, Mapping):
        return list(options)
    left, _ = narrowed(models, data)
    return [option for option in options if option.model in left]


def _step(options: Sequence[Option], part: str | int) -> Iterator[Option]:
    # Pydantic puts the kind of a union's branch into its locations.
    models = [option for option in options if option.model]
    if len(models) > 1 and any(part in option.kinds for option in models):
        yield from (option for option in models if part in option.kinds)
        return
    for option in options:
        if option.model and part in option.model.model_fields:
            field = option.model.model_fields[str(part)]
            yield from expand_options(field.annotation, field.metadata)
        elif isinstance(part, int) and get_origin(option.annotation) in (tuple, list):
            inner = get_args(option.annotation)
            yield from expand_options(inner[0] if len(inner) < 2 or inner[1] is ... else inner[part % len(inner)])
        elif isinstance(part, str) and get_origin(option.annotation) is dict:
            yield from expand_options(get_args(option.annotation)[1])


def expand_options(annotation: Any, metadata: Sequence[Any] = ()) -> Iterator[Option]:
    """Split unions and unwrap Annotated; None is no option, since nobody is told to write nothing."""
    for item in metadata:
        if isinstance(item, Branches):
            yield from (Option(model, tuple(metadata)) for model in item.models())
            return
    if get_origin(annotation) is Annotated:
        inner, *own = get_args(annotation)
        yield from expand_options(inner, [*metadata, *_flat(own)])
    elif get_origin(annotation) in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from expand_options(part, metadata)
    elif annotation is not type(None):
        yield Option(annotation, tuple(metadata))


def _flat(metadata: Sequence[Any]) -> Iterator[Any]:
    for item in metadata:
        yield from item.metadata if isinstance(item, FieldInfo) else [item]


def words_for(options: Sequence[Option]) -> str:
    """Say what is wanted, such as ``a whole number from 1 to 1000``."""
    literals = [option for option in options if get_origin(option.annotation) is Literal]
    if len(literals) > 1:
        choices = tuple(dict.fromkeys(choice for option in literals for choice in get_args(option.annotation)))
        others = [option for option in options if option not in literals]
        options = [Option(Literal[choices], literals[0].metadata), *others]
    return " or ".join(dict.fromkeys(_words(option) for option in options))


def _words(option: Option) -> str:
    for item in option.metadata:
        if isinstance(item, Expected | Branches):
            return item.words
    if option.model:
        return f"a mapping with the keys {listed(option.model.model_fields)}"
    if get_origin(option.annotation) is Literal:
        return listed([repr(choice) for choice in get_args(option.annotation)], "or")
    if option.annotation is bool:
        return "true or false"
    if option.annotation in (int, float):
        return ("a whole number" if option.annotation is int else "a number") + _bounds(option.metadata)
    if get_origin(option.annotation) in (tuple, list):
        return "a list"
    return "text" if option.annotation is str else "another value"


def _bounds(metadata: Sequence[Any]) -> str:
    bounds = {
        name: getattr(item, name)
        for item in metadata
        for name in ("ge", "gt", "le", "lt")
        if isinstance(item, _BOUNDS[name])
    }
    if "ge" in bounds and "le" in bounds:
        return f" from {bounds['ge']} to {bounds['le']}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    given = [f"{words[name]} {bounds[name]}" for name in words if name in bounds]
    of = " of " if len(given) == 1 and given[0].startswith("at") else " "
    return of + " and ".join(given) if given else ""


def listed(names: Sequence[str] | Any, last: str = "and") -> str:
    """Join names as a sentence does.

    >>> listed(["a", "b", "c"], "or")
    'a, b or c'
    """
    *first, final = list(names)
    return f"{', '.join(first)} {last} {final}" if first else final
