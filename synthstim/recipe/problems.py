"""Validation whose errors name the file, the line, what came and what was wanted."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from synthstim.errors import InputError
from synthstim.recipe.expected import (
    DECIDERS,
    Option,
    holds,
    listed,
    narrowed_options,
    options_at,
    values_of,
    words_for,
)
from synthstim.recipe.yaml_source import Location, Source, dotted, shown

MAX_SHOWN = 50
Model = TypeVar("Model", bound=BaseModel)
_SENTENCE = "sentence"


def validate(source: Source, model: type[Model]) -> Model:
    """Check what a file holds against a model.

    Args:
        source: from :func:`synthstim.recipe.yaml_source.read_yaml`.
        model: its validators find the file's folder as ``info.context["folder"]``.

    Raises:
        InputError: something is wrong; the message has one line for each problem, in the order of the file.
    """
    try:
        return model.model_validate(source.data, context={"folder": source.folder})
    except ValidationError as error:
        details = [detail for detail in error.errors(include_url=False, include_input=False) if _told(source, detail)]
    details.sort(key=lambda detail: source.line(_location(source.data, detail)))
    lines = [_line(source, model, detail) for detail in details[:MAX_SHOWN]]
    if len(details) > MAX_SHOWN:
        lines.append(f"{source.name}: and {len(details) - MAX_SHOWN} more problems")
    raise InputError("\n".join(dict.fromkeys(lines))) from None


def problem(sentence: str) -> PydanticCustomError:
    """The error for a validator to raise; the sentence goes on after the name of the value: ``is needed by ...``."""
    return PydanticCustomError(_SENTENCE, "{sentence}", {"sentence": sentence})


def raise_problems(problems: Iterable[tuple[Location, str]]) -> None:
    """Raise the problems that a validator of several values found, each at its own location; none is no error."""
    details = [InitErrorDetails(type=problem(sentence), loc=location, input=None) for location, sentence in problems]
    if details:
        _raise(details)


def copied(error: ValidationError, *before: str | int) -> ValidationError:
    """The same problems, found further in."""
    details = [
        InitErrorDetails(
            type=problem(one["ctx"]["sentence"]) if one["type"] == _SENTENCE else one["type"],
            loc=(*before, *one["loc"]), input=one["input"], ctx=one.get("ctx", {}),
        )
        for one in error.errors(include_url=False)
    ]  # fmt: skip
    return ValidationError.from_exception_data("problems", details)


def _raise(details: list[InitErrorDetails]) -> NoReturn:
    raise ValidationError.from_exception_data("problems", details)


def _location(data: Any, detail: ErrorDetails) -> Location:
    """Drop from pydantic's location what is not in the file: branches of unions, values inside a short form."""
    parts = detail["loc"]
    location: list[str | int] = []
    for index, part in enumerate(parts):
        last = index == len(parts) - 1
        if isinstance(data, dict) and not last and part == data.get("kind"):
            continue
        if holds(data, part):
            data = data[part]
        elif not (last and isinstance(data, dict) and detail["type"] == "missing"):
            continue
        location.append(part)
    if detail["type"].startswith("union_tag") and isinstance(data, dict):
        location.append("kind")
    return tuple(location)


def _told(source: Source, detail: ErrorDetails) -> bool:
    # Pydantic also calls a list too short when it has items enough, but bad ones.
    if detail["type"] != "too_short":
        return True
    value = _value_at(source.data, _location(source.data, detail))[1]
    return isinstance(value, (list, tuple, dict)) and len(value) < detail["ctx"]["min_length"]


def _line(source: Source, model: type[BaseModel], detail: ErrorDetails) -> str:
    location = _location(source.data, detail)
    name = dotted(location) or "the file"
    return f"{source.at(location)}: {name}{_sentence(source, model, detail, location)}"


def _sentence(source: Source, model: type[BaseModel], detail: ErrorDetails, location: Location) -> str:
    if detail["type"] == _SENTENCE:
        return f" {detail['ctx']['sentence']}"
    if detail["type"] == "extra_forbidden":
        return _unknown(str(location[-1]), model, location[:-1], source.data)
    if detail["type"] == "invalid_key":
        return " is no key; expected text"
    options = options_at(model, detail["loc"], source.data)
    wanted = words_for(options)
    if detail["type"].startswith("union_tag"):
        options = [option for option in options if option.kinds]
        wanted = listed([repr(kind) for option in options for kind in option.kinds], "or")
    found, value = _value_at(source.data, location)
    if not found:
        return f" is missing; expected {wanted}"
    if detail["type"] == "missing":
        # A list is too short for a pair: pydantic misses the second number.
        wanted = words_for(options_at(model, detail["loc"][:-1], source.data))
    came = describe(value, source.written.get(location))
    return f": {came} given; expected {wanted}{_hint(value, detail['type'], options)}"


def _unknown(key: str, model: type[BaseModel], place: Location, data: Any) -> str:
    branches = options_at(model, place, data)
    here = _value_at(data, place)[1]
    if key.isdigit() and isinstance(here, Mapping) and key in here and here[key] is None:
        return " is a key without a value: numbers are written with a point, such as 2.2"
    if elsewhere := [option.model for option in branches if option.model and key in option.model.model_fields]:
        return _goes_with(elsewhere, here)
    known = list(dict.fromkeys(
        name for option in narrowed_options(branches, here) if option.model for name in option.model.model_fields
    ))  # fmt: skip
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return " is unknown: " + (f"did you mean {near[0]!r}?" if near else f"known here are {listed(known)}")


def _goes_with(models: Sequence[type[BaseModel]], here: Any) -> str:
    """Say with which kind, or which goal, a key goes, and which is here."""
    for decider in DECIDERS:
        values = list(dict.fromkeys(value for model in models for value in values_of(model, decider)))
        if values and (came := here.get(decider)) not in values:
            wanted = listed([repr(value) for value in values], "or")
            return f" goes with {decider} {wanted}, but the {decider} here is {came!r}: remove it"
        models = [model for model in models if here.get(decider) in values_of(model, decider)] or models
    return " is unknown: remove it"


def _value_at(data: Any, location: Location) -> tuple[bool, Any]:
    for part in location:
        if isinstance(data, dict) and part not in data:
            return False, None
        data = data[part]
    return True, data


def _hint(value: Any, kind: str, options: Sequence[Option]) -> str:
    if kind == "string_unicode":
        return ": it holds half a character"
    choices = [choice for option in options for choice in _choices(option)]
    if isinstance(value, str):
        near = difflib.get_close_matches(value, choices, n=1, cutoff=0.6)
        if near:
            return f": did you mean {near[0]!r}?"
        numeric = kind in ("int_type", "float_type") and value.strip().replace(".", "", 1).isdigit()
        return ": remove the quotes" if numeric else ""
    quotes = kind == "string_type" and isinstance(value, (bool, int, float))
    return ": put it in quotes if it is text" if quotes else ""


def _choices(option: Option) -> list[str]:
    values = option.kinds or getattr(option.annotation, "__args__", ())
    return [value for value in values if isinstance(value, str)]


def describe(value: Any, written: str | None = None) -> str:
    """Say what came: the value, cut when it is long, and what it was taken for.

    >>> describe("two"), describe(True, "yes"), describe([1, 2])
    ("'two' (text)", 'yes, which YAML reads as true', 'a list of 2')
    """
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        plain = "true" if value else "false"
        return f"{written}, which YAML reads as {plain}" if written and written.lower() != plain else plain
    if isinstance(value, int) and value.bit_length() > 1000:
        return "a whole number of hundreds of digits"
    if isinstance(value, (int, float)):
        return f"{_cut(written or repr(value))} ({'whole number' if isinstance(value, int) else 'number'})"
    if isinstance(value, str):
        return f"{_cut(value)!r} (text)" if value else "empty text"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        keys = [shown(str(key)) for key in value]
        return f"a mapping with {listed(keys[:5])}" if keys else "an empty mapping"
    if isinstance(shape := getattr(value, "shape", None), tuple):
        return f"an array of shape {shape}"
    return f"a {type(value).__name__}"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
