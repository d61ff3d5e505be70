"""Tables as text: tabs, n/a for what is missing, 1 and 0 for true and false, as R wants them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from synthstim.files import as_tsv


def table_text(table: pd.DataFrame) -> str:
    """A table as the package writes them, with a header and a line a row."""
    written = table.astype(object).map(_cell)
    return as_tsv(written).decode()


def _cell(value: Any) -> Any:
    if value is True or value is False:
        return int(value)
    return f"{value:.6g}" if isinstance(value, float) and value == value else value
