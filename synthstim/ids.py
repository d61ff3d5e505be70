"""Ids of stimuli and names in recipes: what every system takes as a file's name, and R and Excel as a value."""

from __future__ import annotations

import re
from collections.abc import Iterable

from synthstim.errors import InputError

# Names that Windows keeps for devices, whatever the suffix.
RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


def check_ids(ids: Iterable[str]) -> None:
    """Raise InputError unless every id is well formed and unique, whatever the case.

    >>> check_ids(["cat_blocks2_1", "cat_blocks2_2"])
    """
    seen: dict[str, str] = {}
    for name in ids:
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise InputError(f"the id {name!r} is not allowed: a letter, then letters, digits, _ or -, 64 at most")
        if name.lower() in RESERVED:
            raise InputError(f"the id {name!r} is a device name on Windows: choose another")
        if name.lower() in seen:
            raise InputError(f"the ids {seen[name.lower()]!r} and {name!r} differ at most in case: make them unique")
        seen[name.lower()] = name


def safe_id(stem: str) -> str:
    """Turn a file's stem into an id, as near to it as the rules allow.

    >>> safe_id("2nd crop (new)")
    'x2nd_crop_new'
    """
    text = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_") or "image"
    text = text if text[0].isalpha() else f"x{text}"
    return (f"{text}_" if text.lower() in RESERVED else text)[:64]
