"""Where protocols are: in this package, in plug-ins, in folders of the user's configuration, or at a path."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml

from synthstim.configuration import folders_of_protocols
from synthstim.errors import InputError, said_by
from synthstim.experiment import protocol_reading as reading
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.protocol_reading import FILE, read_folder
from synthstim.experiment.setting import NAME_PATTERN
from synthstim.files import require_new_folder
from synthstim.recipe import read_yaml
from synthstim.registry import HERE, Entry, Registry


class Protocols(Registry[Protocol]):
    """The protocols that have a name; those of this package go first, then those of plug-ins, then the user's.

    Example:
        >>> Protocols()["passive_fixation"].title
        'Passive fixation'
    """

    def __init__(self) -> None:
        super().__init__("protocol", "", "", "synthstim.protocols")

    def _own(self) -> Iterator[Entry[Protocol]]:
        return _inside(reading.protocols_folder(), HERE)

    @cached_property
    def _others(self) -> list[Entry[Protocol]]:
        plugged = sorted((self._plugged(point) for point in entry_points(group=self.group)), key=lambda one: one.name)
        return plugged + [entry for folder in folders_of_protocols() for entry in _inside(folder, str(folder))]

    def _taken(self, name: str, found: Any) -> Protocol:
        made = read_folder(Path(str(found() if callable(found) else found)))
        if made.name != name:
            raise InputError(f"its folder holds {made.name!r}")
        return made


def _inside(folder: Path, source: str) -> Iterator[Entry[Protocol]]:
    for path in sorted(folder.glob(f"*/{FILE}")):
        yield Entry(path.parent.name, _about(path), source, lambda path=path: read_folder(path.parent))  # type: ignore[misc]


def _about(path: Path) -> str:
    # The list of all is asked for often: reading each file with its lines, as for a message, would take seconds.
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        try:
            content = read_yaml(path).data
        except InputError as error:
            return said_by(error)
    return " ".join(str(content.get("summary", "") if isinstance(content, dict) else "").split())


def list_protocols() -> list[str]:
    """The names of the protocols: of this package, of plug-ins, and of the user's folders.

    >>> "passive_fixation" in list_protocols()
    True
    """
    return sorted(Protocols().names)


def read_protocol(name: str | Path) -> Protocol:
    """Read a protocol and check that what it names exists.

    Args:
        name: of ``list_protocols()``; or the path of a protocol's folder, with a / in it.

    Raises:
        InputError: there is no such protocol, or its file is wrong.

    Example:
        >>> read_protocol("./my_protocol").name
        'my_protocol'
    """
    if isinstance(name, Path) or "/" in name or "\\" in name:
        return read_folder(Path(name))
    return Protocols()[name]


def new_protocol(name: str, folder: str | Path = ".", *, like: str = "") -> Path:
    """Write a protocol to begin with.

    Args:
        name: of the protocol, and of its folder.
        folder: in which that is made.
        like: the protocol whose files are copied; by default a short one, with comments.

    Returns:
        The protocol's folder.

    Raises:
        InputError: something is there already, or the name is none.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise InputError(
            f"the name {name!r} given for a protocol; expected a letter, then small letters, digits or _, 40 at most"
        )
    made = Path(folder) / name
    require_new_folder(made)
    home = read_protocol(like).home if like else reading.protocols_folder() / "skeleton"
    text = (home / (FILE if like else f"{FILE}.txt")).read_text(encoding="utf-8")
    lines = [f"name: {name}" if line.startswith("name:") else line for line in text.splitlines()]
    made.mkdir(parents=True)
    (made / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for other in home.glob("*.j2"):
        shutil.copyfile(other, made / other.name)
    try:
        read_folder(made)
    except InputError:
        shutil.rmtree(made)
        raise
    return made
