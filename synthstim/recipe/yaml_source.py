"""YAML read safely: plain data, and the line on which each value stands."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from synthstim.errors import InputError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
Location = tuple[str | int, ...]

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
_NUMBER = re.compile(r"[-+]?(([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(inf|Inf|INF))")
_MAX_DIGITS = 100
_TRUE = {form for word in ("true", "yes", "on") for form in (word, word.title(), word.upper())}
_FALSE = {form for word in ("false", "no", "off") for form in (word, word.title(), word.upper())}
_NOTHING = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True)
class Source:
    """What a YAML file holds, and where.

    Attributes:
        name: how errors call the file.
        folder: where the file's relative paths start; None when there is none.
        text: the file as it was written.
        data: mappings, lists, text, numbers, true or false, and None.
        lines: the line, from 1, of each location; empty for data that never were a file.
        written: the scalars that are no text, as they were written.
    """

    name: str
    folder: Path | None
    text: str
    data: dict[str, Any]
    lines: Mapping[Location, int] = field(default_factory=dict)
    written: Mapping[Location, str] = field(default_factory=dict)

    def line(self, location: Location) -> int:
        """The line of a location, or of the nearest one around it that exists; 0 when there are no lines."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return 0

    def at(self, location: Location) -> str:
        """The words that an error starts with: the file, and the line where there is one."""
        line = self.line(location)
        return f"{self.name}, line {line}" if line else self.name


def read_yaml(path: str | Path) -> Source:
    """Read a YAML file of settings: one mapping, without tags, anchors or aliases.

    Whole numbers and decimals are read as YAML 1.2 does (``1e-3`` is a number, ``010`` is text); yes, no, on and off
    are read as YAML 1.1 does. Dates stay text, and so do keys.

    Raises:
        InputError: the file is missing, too long, no UTF-8 text, no YAML, or holds what settings never need.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path.name} is a folder", "give the YAML file itself")
        if not path.is_file():
            raise InputError(f"no file at {path}", "check the path")
        with open(path, "rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read ({error.strerror})", "check the path and its rights", code="unreadable"
        ) from None
    if len(raw) > MAX_BYTES:
        raise InputError(
            f"{path.name} holds more than {MAX_BYTES:,} bytes: a file of settings is never that long", code="too-large"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path.name}, line {line}: the bytes are not UTF-8 text", "save the file as UTF-8") from None
    return parse_yaml(text, name=path.name, folder=path.absolute().parent)


def parse_yaml(text: str, *, name: str = "recipe", folder: str | Path | None = None) -> Source:
    """Read YAML text as :func:`read_yaml` reads a file.

    Example:
        >>> parse_yaml("seed: 3").data
        {'seed': 3}
    """
    if len(text) > MAX_BYTES:
        raise InputError(
            f"{name} holds more than {MAX_BYTES:,} characters: a file of settings is never that long", code="too-large"
        )
    node = _compose(text, name)
    if not isinstance(node, yaml.MappingNode):
        came = {yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value"}.get(type(node), "an empty file")
        line = _line(node) if node is not None else 1
        raise InputError(f"{name}, line {line}: {came} given; expected a mapping: lines of 'key: value'")
    reading = _Reading(name)
    data = reading.mapping(node, ())
    lines = {(): _line(node)} | reading.lines
    return Source(name, Path(folder) if folder is not None else None, text, data, lines, reading.written)


def _compose(text: str, name: str) -> yaml.Node | None:
    try:
        loader = _Composer(text, name)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}, line {mark.line + 1}" if mark else name
        said = ", ".join(part for part in (error.context, error.problem) if part)
        hint = ": indent with spaces" if "\\t" in said else ""
        raise InputError(f"{where}: this is not valid YAML: {said}{hint}", code="unreadable") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        code = ord(error.character) if isinstance(error.character, str) else error.character
        raise InputError(
            f"{name}, line {line}: the character U+{code:04X} is not allowed in YAML",
            "remove it, or save the file as text",
        ) from None


class _Composer(yaml.SafeLoader):
    """PyYAML's composer, stopped at the first thing that settings never need."""

    def __init__(self, text: str, name: str) -> None:
        self._depth = 0
        self._file = name
        super().__init__(text)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            self._refuse(event, f"the alias *{event.anchor} is not allowed: write the value out")
        if event.anchor is not None:
            self._refuse(event, f"the anchor &{event.anchor} is not allowed: write the value out where it is used")
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._refuse(event, f"the tag {tag} is not allowed: write plain values only")
        nested = isinstance(event, yaml.CollectionStartEvent)
        self._depth += nested
        if self._depth > MAX_DEPTH:
            self._refuse(event, f"values are nested deeper than {MAX_DEPTH} levels: settings never need that")
        node = super().compose_node(parent, index)
        self._depth -= nested
        return node

    def _refuse(self, event: yaml.Event, sentence: str) -> NoReturn:
        raise InputError(f"{self._file}, line {_line(event)}: {sentence}")


class _Reading:
    """Turns nodes into plain data and notes where each value stood."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Location, int] = {}
        self.written: dict[Location, str] = {}

    def mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in self._keys(node):
            here = (*location, key.value)
            line = _line(key)
            if key.value in data:
                raise InputError(
                    f"{self.name}, line {line}: {dotted(here)} is given twice, first on line {self.lines[here]}: "
                    "remove one"
                )
            self.lines[here] = line
            data[key.value] = self._value(value, here)
        return data

    def _keys(self, node: yaml.MappingNode) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                line = _line(key)
                raise InputError(f"{self.name}, line {line}: a key given as a list or mapping; expected text")
            yield key, value

    def _value(self, node: yaml.Node, location: Location) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, location)
        if isinstance(node, yaml.SequenceNode):
            values = []
            for index, item in enumerate(node.value):
                here = (*location, index)
                self.lines[here] = _line(item)
                values.append(self._value(item, here))
            return values
        assert isinstance(node, yaml.ScalarNode)
        value = node.value if node.style is not None else self._scalar(node)
        if not isinstance(value, str):
            self.written[location] = node.value
        return value

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text = node.value
        if text in _NOTHING:
            return None
        if text in _TRUE or text in _FALSE:
            return text in _TRUE
        if text in (".nan", ".NaN", ".NAN"):
            return math.nan
        if _INTEGER.fullmatch(text):
            if len(text) > _MAX_DIGITS:
                line = _line(node)
                raise InputError(
                    f"{self.name}, line {line}: a number of {len(text)} digits is too long to read", code="too-large"
                )
            return int(text.replace("_", ""))
        if _NUMBER.fullmatch(text):
            return float(text.lower().replace(".inf", "inf"))
        return text


def _line(part: yaml.Node | yaml.Event) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1


def dotted(location: Location) -> str:
    """Write a location as people do.

    >>> dotted(("stimuli", 1, "unit", "channel"))
    'stimuli[1].unit.channel'
    """
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{shown(part)}"
    return text[1:] if text.startswith(".") else text


def shown(key: str) -> str:
    """Write a key as it is when it is short and plain, or in quotes, cut, when it is not."""
    return key if re.fullmatch(r"[\w.-]{1,60}", key) else repr(key if len(key) <= 60 else f"{key[:57]}...")
