"""Lists of kinds, open to installed plug-ins: goals, modalities, parametrisations, readers of responses, and the like.

An entry of this package is one file of the kind's folder, found by its name; the first sentence of the file says what it
is. An entry of another package is an entry point of the group ``synthstim.KIND``. Neither is imported before it is used,
and no text of a recipe is ever imported: a recipe may name what is installed, and nothing else.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from synthstim.errors import InputError, nearest, said_by

Kind = TypeVar("Kind")
HERE = "synthstim"


@dataclass(frozen=True)
class Entry(Generic[Kind]):
    """What a registry knows of an entry without importing it.

    Attributes:
        name: as recipes and the command line have it.
        about: a line on what it is.
        source: the distribution that it comes from, with its version unless it is this package.
        load: imports it.
        module: that a plug-in's is in.
    """

    name: str
    about: str
    source: str
    load: Callable[[], Kind]
    module: str = HERE


class Registry(Generic[Kind]):
    """The entries of one kind by name.

    Args:
        noun: what an entry is, as in "goal".
        package: the package whose files are this package's own entries.
        attribute: the name under which each of those files has its entry.
        group: the entry points of plug-ins.
        check: raises InputError, or any error, unless an object from a plug-in keeps the kind's contract.

    Example:
        >>> registry = Registry("codec", "json", "JSONDecoder", "synthstim.none")
        >>> "decoder" in registry.names
        True
        >>> registry["decodr"]
        Traceback (most recent call last):
        synthstim.errors.InputError: the codec 'decodr' is unknown: did you mean 'decoder'?
    """

    def __init__(
        self,
        noun: str,
        package: str,
        attribute: str,
        group: str,
        check: Callable[[Any], object] = lambda found: None,
    ) -> None:
        self.noun, self.package, self.attribute, self.group, self.check = noun, package, attribute, group, check
        self._loaded: dict[str, Kind] = {}

    @cached_property
    def entries(self) -> dict[str, Entry[Kind]]:
        """This package's own by name, then those of plug-ins, none of which can take the name of an own one."""
        entries = {entry.name: entry for entry in self._own()}
        for entry in self._others:
            entries.setdefault(entry.name, entry)
        return entries

    @property
    def left_out(self) -> list[str]:
        """Sentences on the entries of plug-ins whose name was taken."""
        taken = ((entry, self.entries[entry.name]) for entry in self._others)
        return [
            f"the {self.noun} {entry.name!r} of {entry.source} is left out: {first.source} has one of that name"
            for entry, first in taken
            if first is not entry
        ]

    def plugged(self, name: str) -> bool:
        """Whether this is the name of a plug-in's entry."""
        return name in self.entries and self.entries[name].source != HERE

    def usable(self) -> Iterator[tuple[str, Kind]]:
        """Names and entries, without those of broken plug-ins."""
        for name in self.entries:
            try:
                yield name, self[name]
            except InputError:
                if not self.plugged(name):
                    raise

    @cached_property
    def _others(self) -> list[Entry[Kind]]:
        found = (self._plugged(point) for point in entry_points(group=self.group))
        return sorted(found, key=lambda entry: (entry.name, entry.source))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all entries."""
        return tuple(self.entries)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __getitem__(self, name: str) -> Kind:
        """The entry of this name.

        Raises:
            InputError: there is none, or the plug-in that it comes from is broken.
        """
        if name not in self._loaded:
            if name not in self.entries:
                raise InputError(f"the {self.noun} {name!r} is unknown: {nearest(name, self.entries)}", code="unknown")
            self._loaded[name] = self.entries[name].load()
        return self._loaded[name]

    def _own(self) -> Iterator[Entry[Kind]]:
        # Found from the top: what lies between may be slow to import.
        top, *inner = self.package.split(".")
        home = importlib.util.find_spec(top)
        for folder in (home.submodule_search_locations or ()) if home else ():
            for path in sorted(Path(folder, *inner).iterdir()):
                name = path.stem
                file = path / "__init__.py" if path.is_dir() else path
                if name.startswith("_") or file.suffix != ".py" or not file.is_file():
                    continue
                if (about := _entry_says(file, self.attribute)) is not None:
                    yield Entry(name, about, HERE, lambda name=name: self._import(name))  # type: ignore[misc]

    def _import(self, name: str) -> Kind:
        found: Kind = getattr(importlib.import_module(f"{self.package}.{name}"), self.attribute)
        return found

    def _plugged(self, point: EntryPoint) -> Entry[Kind]:
        source = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
        about = (point.dist.metadata["Summary"] if point.dist else None) or point.value

        def load() -> Kind:
            try:
                return self._taken(point.name, point.load())
            except Exception as error:  # another's code may fail in any way
                raise InputError(
                    f"the {self.noun} {point.name!r} of {source} cannot be used ({said_by(error)})",
                    "update or uninstall it",
                ) from error

        return Entry(point.name, about, source, load, point.module)

    def _taken(self, name: str, found: Any) -> Kind:
        """The entry that a plug-in's object is, after a look at it."""
        self.check(found)
        kept: Kind = found
        return kept


def _entry_says(file: Path, attribute: str) -> str | None:
    """The first sentence of a file that defines the attribute at its top; None for one that does not."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    if attribute not in _defined(tree):
        return None
    return said_of(ast.get_docstring(tree))


def said_of(docstring: str | None) -> str:
    """The first sentence of a docstring."""
    return (docstring or "").partition("\n\n")[0].replace("\n", " ").partition(". ")[0].rstrip(".")


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name


def having(*names: str) -> Callable[[Any], None]:
    """A check of a registry: that an entry has these attributes."""

    def check(found: Any) -> None:
        if lacking := [name for name in names if not hasattr(found, name)]:
            raise TypeError(f"a {type(found).__name__} without {lacking[0]!r}")

    return check
