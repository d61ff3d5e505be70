"""The sortable table of everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synthstim.report.cards import Row, layer_of, rows_of, status_of, stem
from synthstim.report.numbers import DASH, known, number, percent, text, yes_no
from synthstim.stimulus_set import StimulusSet
from synthstim.stimulus_set.columns import Column, columns_of, labels_of

# Column: heading and, for numbers, format.
_SHOWN: dict[str, tuple[str, str]] = {
    "stimulus_id": ("stimulus", ""),
    "status": ("status", ""),
    "kind": ("kind", ""),
    "goal": ("goal", ""),
    "layer": ("layer", ""),
    "unit": ("unit", ""),
    "reference": ("reference", ""),
    "match_db": ("match, dB", ".1f"),
    "match_db_soxr": ("match after soxr, dB", ".1f"),
    "pearson": ("Pearson", ".4f"),
    "spearman": ("Spearman", ".4f"),
    "null_percentile": ("null percentile", ""),
    "pixel_distance": ("pixel distance", ".3f"),
    "waveform_distance": ("waveform distance", ".3f"),
    "same_class": ("same class", ""),
    "activation": ("activation", ".4g"),
    "best_natural": ("best natural", ".4g"),
    "mean_luminance": ("mean luminance", ".3f"),
    "rms_contrast": ("RMS contrast", ".3f"),
    "duration_s": ("duration, s", ".3f"),
    "rate_hz": ("rate, Hz", ".0f"),
    "level_dbfs": ("level, dBFS", ".1f"),
    "peak_dbfs": ("peak, dBFS", ".1f"),
    "evaluations": ("evaluations", ""),
    "converged": ("converged", ""),
    "name": ("recipe entry", ""),
    "observer": ("observer", ""),
}


@dataclass(frozen=True)
class Cell:
    """One cell: what it says and what it is sorted by (empty where missing)."""

    text: str
    key: str


@dataclass(frozen=True)
class Heading:
    """One column's heading."""

    text: str
    hint: str
    numeric: bool


@dataclass(frozen=True)
class TableRow:
    """One stimulus; kind, layer and status are what the filters go by."""

    id: str
    kind: str
    layer: str
    status: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Headings and rows; columns that are n/a throughout are left out."""

    headings: tuple[Heading, ...]
    rows: tuple[TableRow, ...]


def make_table(stimuli: StimulusSet) -> Table:
    """The set's table as the page shows it."""
    columns = columns_of(stimuli.provenance)
    shown = _SHOWN | {
        name: (name.replace("_", " "), ".4g") for name in (*labels_of(stimuli.provenance), *stimuli.modality.columns)
    }
    names = [name for name in shown if stimuli.table[name].notna().any()]
    headings = tuple(
        Heading(shown[name][0], _hint(columns[name]), columns[name].kind in ("number", "count")) for name in names
    )
    rows = tuple(
        TableRow(
            row["stimulus_id"], text(row["kind"], "unknown"), layer_of(row), status_of(row),
            tuple(_cell(name, row, columns[name].kind, shown[name][1]) for name in names),
        )
        for row in rows_of(stimuli)
    )  # fmt: skip
    return Table(headings, rows)


def _hint(column: Column) -> str:
    return f"{column.description} ({column.units})" if column.units else column.description


def _cell(name: str, row: Row, kind: str, form: str) -> Cell:
    value: Any = row[name]
    if not known(value):
        return Cell(DASH, "")
    if kind == "flag":
        return Cell(yes_no(value), yes_no(value))
    if name == "null_percentile":
        return Cell(percent(value), repr(float(value)))
    if kind == "number":
        return Cell(number(value, form), repr(float(value)))
    words = stem(text(value)) if name == "reference" else text(value)
    return Cell(words, words)
