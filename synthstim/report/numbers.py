"""Numbers and missing values as people read them."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

DASH = "–"


def known(value: Any) -> bool:
    """Whether a cell holds something: not None, NaN or NA."""
    return value is not None and value is not pd.NA and not (isinstance(value, float) and math.isnan(value))


def text(value: Any, missing: str = "") -> str:
    """A cell as text; a whole number that pandas read as a float loses its point."""
    if not known(value):
        return missing
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number(value: Any, style: str = ".4g") -> str:
    """A number in the given format with a true minus sign; a dash where it is missing, other text as it stands."""
    if not known(value):
        return DASH
    try:
        shown = format(float(value), style)
    except ValueError:
        return str(value)
    # Minus zero is zero to a reader.
    return shown.removeprefix("-") if float(shown) == 0 else shown.replace("-", "−")


def dbfs(value: Any) -> str:
    """A level relative to full scale, with one decimal; silence has none."""
    return "silent" if known(value) and float(value) == -math.inf else f"{number(value, '.1f')} dBFS"


def percent(value: Any) -> str:
    """A percentile with up to two decimals, rounded down: 100 only where it is 100."""
    return f"{math.floor(float(value) * 100 + 1e-9) / 100:g} %" if known(value) else DASH


def yes_no(value: Any) -> str:
    """A flag as yes or no; a dash where it is missing."""
    if not known(value):
        return DASH
    return "yes" if value else "no"
