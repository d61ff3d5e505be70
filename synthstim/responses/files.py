"""What all readers of recordings share: files that must be there and whole, and packages that are imported late."""

from __future__ import annotations

import codecs
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthstim.errors import InputError, said_by


@dataclass(frozen=True)
class Reader:
    """What reads responses from one kind of file.

    Attributes:
        suffixes: ends of the names of its files, in small letters; of two readers the one with the longer end is chosen.
        read: the function; it takes the path, and options by name.
    """

    suffixes: tuple[str, ...]
    read: Callable[..., Any]


HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Of what is read at once: a damaged or hostile file may declare any size.
MAX_BYTES = 2 * 2**30


def require_file(path: str | Path) -> Path:
    """The path, after checking that a file with content is there."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no file of responses at {path}", "check the path")
    if path.stat().st_size == 0:
        raise InputError(f"{path.name} is empty", "wait until it has been written")
    return path


def require_whole_lines(path: Path) -> None:
    """Raise InputError unless a text file ends with a newline: one that does not may lack part of its last number."""
    with open(path, "rb") as stream:
        if stream.read(2) in _UTF_16:
            raise InputError(
                f"{path.name} is text in UTF-16, as spreadsheets save it",
                "save it as CSV in UTF-8",
                code="unreadable",
            )
        stream.seek(-1, 2)
        if stream.read(1) != b"\n":
            raise InputError(
                f"{path.name} ends within a line, as a half-written file does", "wait, or end its last line"
            )


def has_magic(path: Path, magic: bytes) -> bool:
    """Whether the file's first bytes are these."""
    with open(path, "rb") as stream:
        return stream.read(len(magic)) == magic


def library(name: str, extra: str) -> Any:
    """Import an optional package.

    Raises:
        InputError: it is not installed; the sentence names the extra of synthstim that brings it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"this file needs the package {error.name or name}",
            f"pip install 'synthstim[{extra}]'",
            code="not-installed",
        ) from None


def unreadable(path: Path, error: BaseException, wanted: str) -> InputError:
    """The sentence for a file that its reader fails on."""
    reason = said_by(error, 160)
    return InputError(
        f"{path.name} cannot be read ({reason}); expected {wanted}, complete and undamaged", code="unreadable"
    )


def listed(names: Any, most: int = 5) -> str:
    """The first few of some names, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
