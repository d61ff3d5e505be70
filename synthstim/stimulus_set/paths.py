"""Ids and paths that may stand in a set: safe on every system, inside the set, never through a link."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath

from synthstim.errors import InputError

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def check_ids(ids: Iterable[str]) -> None:
    """Raise InputError unless every id is well formed and unique, whatever the case."""
    seen: dict[str, str] = {}
    for name in ids:
        if not _ID.fullmatch(name):
            raise InputError(f"the id {name!r} is not allowed: a letter, then letters, digits, _ or -, 64 at most")
        if name.lower() in _RESERVED:
            raise InputError(f"the id {name!r} is a device name on Windows: choose another")
        if name.lower() in seen:
            raise InputError(f"the ids {seen[name.lower()]!r} and {name!r} differ at most in case: make them unique")
        seen[name.lower()] = name


def safe_id(stem: str) -> str:
    """Turn a file's stem into an id, as near to it as the rules allow."""
    text = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_") or "image"
    text = text if text[0].isalpha() else f"x{text}"
    return (f"{text}_" if text.lower() in _RESERVED else text)[:64]


def inside(root: Path, relative: str) -> Path:
    """Return root/relative after checking that it is a relative POSIX path to a real file inside root.

    Raises:
        InputError: the path is absolute, climbs out, is written the Windows way, passes a link, or has no file.
    """
    path = PurePosixPath(relative)
    windows = PureWindowsPath(relative)
    if not relative or path.is_absolute() or ".." in path.parts or "\\" in relative or windows.drive:
        raise InputError(
            f"the path {relative!r} is not a relative path inside {root.name}: sets hold their own files only"
        )
    current = root
    for part in path.parts:
        current = current / part
        if current.is_symlink():
            raise InputError(f"{relative} in {root.name} passes through a link: sets hold real files only")
    if not current.is_file():
        raise InputError(f"{relative} is missing from {root.name}: the set is incomplete")
    return current
