"""Cells of the page's tables: what each column shows of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from synthstim.analysis.shown.page import PageTable
from synthstim.report.numbers import known, number, text

Row = Mapping[Any, Any]
Cell = Callable[[Row], str]


def as_they_are(**heads: str) -> dict[str, Cell]:
    """Columns shown as they are: column -> its head."""
    return {head: text_of(name) for name, head in heads.items()}


def text_of(name: str) -> Cell:
    """A column as text."""
    return lambda row: text(row[name])


def number_of(name: str, style: str = ".4g") -> Cell:
    """A column of numbers."""
    return lambda row: number(row[name], style)


def estimate_of(name: str, low: str, high: str, style: str) -> Cell:
    """A number with the ends of its interval."""
    ends = ends_of(low, high, style)
    return lambda row: f"{number(row[name], style)} ({ends(row)})"


def ends_of(low: str, high: str, style: str = ".3f") -> Cell:
    """The ends of an interval."""
    return lambda row: f"{number(row[low], style)} to {number(row[high], style)}" if known(row[low]) else "–"


def table_of(
    table: pd.DataFrame, columns: Mapping[str, Cell], texts: int, out: frozenset[int] = frozenset()
) -> PageTable:
    """The rows of a table as the page shows them: how many columns are text, and which rows are left out."""
    rows: Sequence[Row] = table.to_dict("records")
    return PageTable(
        tuple(columns), tuple(tuple(cell(row) for cell in columns.values()) for row in rows),
        frozenset(range(texts, len(columns))), out,
    )  # fmt: skip
