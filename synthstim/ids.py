"""What things are called: ids of stimuli, which every system takes as a file's name, and names that recordings bring."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from synthstim.errors import InputError

# Names that Windows keeps for devices, whatever the suffix.
RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))})
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = tuple("=+-@")
_MISSING = frozenset({"na", "nan", "n/a", "none", "null", "nat", "<na>"})
NAME_RULE = "1 to 64 printable characters, none of = + - @ in front, no spaces around them, no word for a missing value"
# One of several observers, in front of its layers.
OBSERVER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,15}")
OBSERVER_RULE = "a letter, then letters, digits, _ or -, 16 at most"


def check_ids(ids: Iterable[str]) -> None:
    """Raise InputError unless every id is well formed and unique, whatever the case.

    >>> check_ids(["cat_blocks2_1", "cat_blocks2_2"])
    """
    seen: dict[str, str] = {}
    for name in ids:
        if not isinstance(name, str) or not _ID.fullmatch(name):
            raise InputError(f"the id {name!r} is not allowed: a letter, then letters, digits, _ or -, 64 at most")
        if name.lower() in RESERVED:
            raise InputError(f"the id {name!r} is a device name on Windows", "choose another")
        if name.lower() in seen:
            raise InputError(
                f"the ids {seen[name.lower()]!r} and {name!r} differ at most in case",
                "make them unique",
                code="mismatch",
            )
        seen[name.lower()] = name


def safe_id(stem: str) -> str:
    """Turn a file's stem into an id, as near to it as the rules allow.

    >>> safe_id("2nd crop (new)")
    'x2nd_crop_new'
    """
    text = re.sub(r"[^A-Za-z0-9_-]+", "_", stem).strip("_") or "image"
    text = text if text[0].isalpha() else f"x{text}"
    return (f"{text}_" if text.lower() in RESERVED else text)[:64]


def free_id(stem: str, taken: set[str]) -> str:
    """An id as near to a stem as the rules allow, none of those taken (in small letters), to which it is added.

    >>> free_id("cat", {"cat"})
    'cat_2'
    """
    name = first = safe_id(stem)
    number = 2
    while name.lower() in taken:
        name, number = f"{first[:58]}_{number}", number + 1
    taken.add(name.lower())
    return name


def id_part(text: str) -> str:
    """A text as part of an id: a layer, a site, a level, the stem of a file.

    >>> id_part("blocks.4"), id_part("V4 / 12")
    ('blocks-4', 'V4___12')
    """
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", text.replace(".", "-"))
    # Names in other scripts would all become the same underscores.
    return plain if text.isascii() else f"{plain}{_digest(text)}"


def distinct_part(text: str) -> str:
    """The same; two texts that differ only in what an id cannot hold stay two.

    >>> distinct_part("v4_1"), distinct_part("v4.1")
    ('v4_1', 'v4-1f0e9')
    """
    plain = id_part(text)
    return plain if plain == text or not text.isascii() else f"{plain}{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:4]


def is_name(name: object) -> bool:
    """Whether this may be a name that a recording brings: of a site, of a session, or its label for a stimulus.

    Such names stand in tables and on pages, never in a file's name, so that more is allowed than in an id (``NAME_RULE``).

    >>> [is_name(name) for name in ("ch-01.2", "007", "V4 / 12", "=CMD()", "nan", " a", "")]
    [True, True, True, False, False, False, False]
    """
    return (
        isinstance(name, str)
        and 0 < len(name) <= 64
        and name.isprintable()
        and name == name.strip()
        and not name.startswith(_FORMULA)
        and name.lower() not in _MISSING
    )


def check_names(names: Iterable[str], noun: str) -> None:
    """Raise InputError unless each is a name that a recording may bring.

    Args:
        noun: what they name, as in "site".
    """
    for name in names:
        if not is_name(name):
            raise InputError(f"the {noun} {str(name)[:80]!r} is not allowed: {NAME_RULE}")
