"""What a set was when it was written: checksums of all its files, and digests that tell which cell of its table changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.files import REPORT, SUMS, as_json, as_tsv, files_below, read_sums, sha256_of, write_sums
from synthstim.stimulus_set.columns import columns_of, format_value
from synthstim.stimulus_set.files import read_cells
from synthstim.stimulus_set.read import StimulusSet

# What file managers leave behind; hidden files are left too.
_LITTER = frozenset({"Thumbs.db", "desktop.ini"})
_SHOWN = 5


def write_sealed(root: Path, rows: Sequence[Mapping[str, Any]], provenance: Mapping[str, Any]) -> None:
    """Write a set's table and provenance, then the checksums of every file that is there: the last step of writing a set."""
    table = pd.DataFrame(
        {name: [format_value(row.get(name)) for row in rows] for name in columns_of(provenance)}, dtype=str
    )
    (root / "stimuli.tsv").write_bytes(as_tsv(table))
    (root / "provenance.json").write_bytes(as_json({**provenance, "table": _digests(table)}))
    write_sums(root, leave_out=_outside(root))


def altered(stimuli: StimulusSet) -> list[str]:
    """One sentence for each file that changed, went or came since the set was written, beginning with its name.

    Of ``stimuli.tsv`` it says which rows and columns. A set that was written before sets were sealed is not judged.
    """
    if not (stimuli.root / SUMS).is_file():
        sealed = "table" in stimuli.provenance
        return [f"{SUMS} is missing: whether the tables have changed cannot be told"] if sealed else []
    try:
        recorded = read_sums(stimuli.root)
    except (OSError, ValueError) as error:
        return [f"{SUMS} cannot be read ({error}): whether the tables have changed cannot be told"]
    outside = _outside(stimuli.root)
    there = [name for name in files_below(stimuli.root) if name not in outside]
    problems = [f"{name} is missing from the set" for name in recorded if name not in there]
    problems += [f"{name} is not a file of the set: it came later" for name in there if name not in recorded]
    for name in there:
        if name in recorded and sha256_of(stimuli.root / name) != recorded[name]:
            where = "".join(f": {one}" for one in [_where(stimuli)] if one) if name == "stimuli.tsv" else ""
            problems.append(f"{name} has changed since the set was made{where}")
    return problems


def _outside(root: Path) -> set[str]:
    """Files that lie in a set's folder and are no part of it."""
    names = {name: Path(name).parts for name in files_below(root)}
    return {REPORT} | {name for name, parts in names.items() if parts[-1] in _LITTER or any(p[0] == "." for p in parts)}


def _digests(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """A digest of each row, by its id, and of each column, of a table of text."""
    ids = table["stimulus_id"].tolist()
    return {
        "rows": {name: _digest(cells) for name, cells in zip(ids, table.to_numpy().tolist(), strict=True)},
        "columns": {str(name): _digest(table[name].tolist()) for name in table.columns},
    }


def _digest(cells: Iterable[str]) -> str:
    return hashlib.sha256("\x1f".join(cells).encode()).hexdigest()[:16]


def _where(stimuli: StimulusSet) -> str:
    """Where the table differs from the one that was written, as far as it can be known."""
    recorded = stimuli.provenance.get("table", {})
    rows, columns = recorded.get("rows"), recorded.get("columns")
    if not isinstance(rows, dict) or not isinstance(columns, dict):
        return ""
    cells = read_cells(stimuli.root)
    if gone := [name for name in columns if name not in cells]:
        return f"it lacks {_listed('column', gone)}"
    now = _digests(cells[list(columns)])
    return "; ".join(_row_changes(rows, now["rows"], columns, now["columns"])) or "its cells are the same"


def _row_changes(
    rows: Mapping[str, str], now: Mapping[str, str], columns: Mapping[str, str], columns_now: Mapping[str, str]
) -> Iterator[str]:
    if gone := [name for name in rows if name not in now]:
        yield f"it lacks {_listed('row', gone)}"
    if came := [name for name in now if name not in rows]:
        yield f"it has gained {_listed('row', came)}"
    changed = [name for name in rows if name in now and now[name] != rows[name]]
    # A column's digest is that of all its rows in their order.
    same_rows = list(rows) == list(now)
    if changed:
        found = [name for name in columns if columns_now[name] != columns[name]] if same_rows else []
        yield f"{_listed('row', changed)}" + (f", {_listed('column', found)}" if found else "")
    elif not (gone or came or same_rows):
        yield "its rows stand in another order"


def _listed(noun: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{noun}{'s' if len(names) > 1 else ''} {', '.join(names[:_SHOWN])}{more}"
