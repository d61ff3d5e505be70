"""The tables of a session, written whole; what a disk that is full or fails is told in; figures as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.files import MISSING, as_tsv, write_whole


def write_frame(path: Path, table: pd.DataFrame) -> Path:
    """Write a table as TSV, whole; missing cells are ``n/a``."""
    write_whole(path, as_tsv(table))
    return path


def read_frame(path: Path, text: Iterable[str] = ()) -> pd.DataFrame:
    """Read a table that ``write_frame`` wrote; the columns in ``text`` stay text.

    Raises:
        InputError: it is not there or no such table.
    """
    try:
        return pd.read_csv(
            path, sep="\t", dtype=dict.fromkeys(text, "string"), keep_default_na=False, na_values=[MISSING]
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error})", "restore it from a copy", code="unreadable") from None


def shown(value: Any) -> str:
    """A figure as a person reads it, with n/a for one that is missing."""
    return MISSING if value is None or pd.isna(value) else f"{value:.3g}"


def full(path: Path, error: OSError) -> InputError:
    """The sentence for what could not be written."""
    return InputError(
        f"{path} could not be written ({error.strerror or error})",
        "make room or grant the rights, then continue with: synthstim loop next",
        code="no-space",
    )
