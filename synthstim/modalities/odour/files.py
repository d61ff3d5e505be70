"""Files of odours: a table with the names of odorants in one line and their concentrations in the next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from synthstim.errors import InputError, said_by
from synthstim.modalities.base import Stimulus
from synthstim.modalities.odour.input import require_odorants

# The coarsest thing that a file is taken for an odour with.
_MOST_BYTES = 1 << 20


def read_odour(path: str | Path) -> tuple[tuple[str, ...], Stimulus]:
    """Read a file: the names of its odorants, and their concentrations (odorant,) as shares of the stock.

    Raises:
        InputError: it is no such table; a concentration is none, negative, or above the stock's.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "pear.odour"
        >>> _ = path.write_text("hexyl acetate\\t1-butanol\\n0.1\\t0.01\\n")
        >>> read_odour(path)
        (('hexyl acetate', '1-butanol'), array([0.1 , 0.01], dtype=float32))
    """
    path = Path(path)
    rows = [line.split("\t") for line in _text_of(path).splitlines() if line.strip()]
    if len(rows) != 2 or len(rows[0]) != len(rows[1]) or (len(rows[0]) == 1 and _has_others(rows)):
        raise InputError(
            f"{path.name} is not an odour; expected a line of odorants and a line of as many concentrations, between tabs",
            code="unreadable",
        )
    names = tuple(name.strip() for name in rows[0])
    try:
        require_odorants(names)
    except InputError as error:
        raise error.within(path.name) from None
    return names, np.array([_concentration(path, *pair) for pair in zip(names, rows[1], strict=True)], np.float32)


def write_odour(path: str | Path, concentrations: Stimulus, odorants: Sequence[str]) -> None:
    """Write concentrations (odorant,), shares of the stock, under the names of their odorants.

    Raises:
        InputError: they are not as many as the odorants, or one is negative or above the stock's.
    """
    path, values = Path(path), np.asarray(concentrations, np.float32)
    if values.shape != (len(odorants),):
        raise InputError(f"{values.size} concentrations given; expected {len(odorants)}", code="mismatch")
    for name, value in zip(odorants, values, strict=True):
        require_concentration(path.name, name, float(value))
    row = "\t".join(np.format_float_positional(value, trim="0") for value in values)
    path.write_text("\t".join(odorants) + f"\n{row}\n", encoding="utf-8", newline="\n")


def require_concentration(where: str, odorant: str, value: float) -> None:
    """Raise InputError unless this is a concentration from 0 to the stock's."""
    if not 0 <= value <= 1:
        raise InputError(
            f"{where}: {odorant} has the concentration {value:g}; expected 0 to 1, as a share of the stock",
            value=odorant,
        )


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path.name} is too large for an odour", code="too-large")
        # Spreadsheets put a mark in front of UTF-8.
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} cannot be read as an odour ({said_by(error)})", code="unreadable") from None


def _has_others(rows: list[list[str]]) -> bool:
    """Whether something else than a tab stands between the concentrations."""
    return len(rows[1][0].replace(",", " ").replace(";", " ").split()) > 1


def _concentration(path: Path, odorant: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise InputError(
            f"{path.name}: {odorant} has {cell[:40]!r}; expected a concentration from 0 to 1 with a point, such as 0.05, as a share"
            " of the stock",
            code="unreadable",
        ) from None
    require_concentration(path.name, odorant, value)
    return value
