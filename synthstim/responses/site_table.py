"""Sites by what a table says of them, such as their region or their animal."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from synthstim.errors import InputError, nearest
from synthstim.responses.files import listed
from synthstim.responses.tables import read_text_table


def sites_where(path: str | Path, where: Mapping[str, str], recorded: Sequence[str]) -> list[str]:
    """The recorded sites that a table says this of, in the order in which they were recorded.

    Args:
        path: a TSV or CSV with ``site`` and columns such as ``region`` or ``animal``.
        where: column -> the value that it must have.

    Raises:
        InputError: the table cannot be read, lacks a column, names a site twice, or no recorded site has these values.

    Warns:
        UserWarning: a recorded site is not in the table.
    """
    table = read_text_table(path, text=("site", *where), needed=("site",))
    for name in ("site", *(name for name in where if name in table)):
        table[name] = table[name].str.strip()
    if absent := [name for name in where if name not in table]:
        raise InputError(
            f"{path} has no column {absent[0]!r}: {nearest(absent[0], list(map(str, table)))}", code="missing"
        )
    if (twice := table["site"].duplicated()).any():
        raise InputError(f"{path}: {table['site'][twice].iloc[0]} stands twice", "remove one")
    if silent := [site for site in recorded if site not in set(table["site"])]:
        warnings.warn(f"{path} says nothing of {listed(silent, 5)}, which are left out", stacklevel=2)
    chosen = table
    for name, value in where.items():
        known = list(dict.fromkeys(map(str, table[name].dropna())))
        if value not in known:
            raise InputError(f"{path}: no site has {name} {value!r}: {nearest(value, known)}", code="unknown")
        chosen = chosen[chosen[name] == value]
    wanted = set(chosen["site"].astype(str))
    if not (found := [site for site in recorded if site in wanted]):
        said = " and ".join(f"{name} {value}" for name, value in where.items())
        raise InputError(
            f"{path}: none of the recorded sites ({listed(recorded)}) has {said}",
            "call sites by the same names in both",
            code="too-few",
        )
    return found


def read_where(texts: Sequence[str]) -> dict[str, str]:
    """Conditions as a command line has them.

    Raises:
        InputError: one is no COLUMN=VALUE, or a column has two values.

    Example:
        >>> read_where(["region=V4", "animal=b"])
        {'region': 'V4', 'animal': 'b'}
    """
    if bad := [text for text in texts if not all(part.strip() for part in text.partition("="))]:
        raise InputError(f"{bad[0]!r} given", "write COLUMN=VALUE, such as region=V4")
    pairs = [(name.strip(), value.strip()) for name, _, value in (text.partition("=") for text in texts)]
    where = dict(pairs)
    if twice := [name for name, value in pairs if where[name] != value]:
        raise InputError(
            f"the column {twice[0]!r} is given two values",
            "fit one after the other, or give them one in a column of their own",
        )
    return where
