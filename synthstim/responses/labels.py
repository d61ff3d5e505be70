"""Labels as recordings hold them: text, bytes, numbers and dates, some of them missing."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from synthstim.errors import InputError
from synthstim.ids import NAME_RULE, is_name

_MISSING = ("", "n/a")


def labels_of(values: Iterable[Any], source: str) -> list[str | None]:
    """The text of each label; None where there is none: None, NaN, NaT, a masked cell, ``n/a`` or nothing but spaces.

    Whole numbers are written without a fraction: of a column with missing cells, 7 comes as 7.0.

    Args:
        values: labels of one thing each.
        source: what they are, for messages.

    Raises:
        InputError: one is a list or an object, not a label.

    Example:
        >>> labels_of(["cat", b"cat", 7, 7.0, float("nan"), None, " "], "trials")
        ['cat', 'cat', '7', '7', None, None, None]
    """
    return [_label(value, source) for value in values]


def required_labels(values: Iterable[Any], noun: str, source: str) -> list[str]:
    """The text of each label, where none may be missing.

    Args:
        noun: what is labelled, as in "site".

    Raises:
        InputError: one is missing, or is no name (see ``synthstim.ids``).
    """
    found = labels_of(values, f"{source}: {noun}")
    for number, label in enumerate(found, 1):
        if label is None or not is_name(label):
            raise InputError(f"{source}: {noun} {number} has no usable name{quoted(label)}: {NAME_RULE}")
    return [str(label) for label in found]


def quoted(label: str | None) -> str:
    """A label in brackets, cut to what a line can hold; nothing where it is missing."""
    return "" if label is None else f" ({label[:40]!a})"


def _label(value: Any, source: str) -> str | None:
    if isinstance(value, bytes):
        # Two labels of another encoding stay two.
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return None if value.strip().lower() in _MISSING else str(value)
    if value is None or value is np.ma.masked or value is pd.NA or value is pd.NaT:
        return None
    if not isinstance(value, (bool, int, float, np.generic, datetime.date)):
        raise InputError(f"{source} holds a {type(value).__name__}; expected one label, text or a number")
    if bool(pd.isna(value)):  # type: ignore[arg-type]
        return None
    return str(int(value)) if isinstance(value, (float, np.floating)) and float(value).is_integer() else str(value)
