"""YAML files that people write: read without tags or aliases, checked against a model, errors as one sentence."""

from __future__ import annotations

from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from synthstim.errors import InputError, nearest

MAX_BYTES = 100_000
Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A part of a YAML file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=2000)


def read_model(path: Path, model: type[Model]) -> Model:
    """Read a YAML file as a model.

    Raises:
        InputError: the file is missing, is no plain YAML mapping, or a key or value is wrong; names the file and the key.
    """
    content = read_mapping(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path.name}: {_sentence(error, model)}") from None


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds one mapping, without tags, anchors, aliases or repeated keys."""
    try:
        data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise InputError(f"{path.name} has {len(data):,} bytes: wanted a file of at most {MAX_BYTES:,}")
        text = data.decode("utf-8-sig")
        for token in yaml.scan(text):
            if isinstance(token, yaml.TagToken | yaml.AnchorToken | yaml.AliasToken):
                raise InputError(
                    f"{path.name}, line {token.start_mark.line + 1}: tags and aliases are not read: write values out"
                )
        _forbid_repeats(yaml.compose(text, Loader=yaml.SafeLoader), path.name)
        content = yaml.safe_load(text)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path.name} is not YAML ({' '.join(str(error).split())}): correct it there") from None
    if not isinstance(content, dict):
        raise InputError(f"{path.name} should hold keys and values: see the README for an example")
    return content


def _forbid_repeats(node: yaml.Node | None, name: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                raise InputError(f"{name}, line {key.start_mark.line + 1}: {key.value!r} stands there twice: keep one")
            seen.add(key.value)
            _forbid_repeats(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _forbid_repeats(item, name)


def _sentence(error: ValidationError, model: type[BaseModel]) -> str:
    problem = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = _keys_at(model, problem["loc"][:-1])
        return f"the key {place!r} is unknown, {nearest(str(problem['loc'][-1]), known)}"
    if problem["type"] == "missing":
        return f"the key {place!r} is missing: add it"
    wanted = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"{place} is {str(problem['input'])[:80]!r}: wanted {wanted}"


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    found: list[type[BaseModel]] = [model]
    for part in location:
        inner = [m.model_fields[str(part)].annotation for m in found if str(part) in m.model_fields]
        if inner:
            found = [m for annotation in inner for m in _models(annotation)]
        else:  # the tag of a discriminated union
            found = [
                m for m in found if "kind" in m.model_fields and part in get_args(m.model_fields["kind"].annotation)
            ]
    return [name for m in found for name in m.model_fields]


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType, list, dict, tuple):
        return [m for inner in get_args(annotation) for m in _models(inner)]
    return []
