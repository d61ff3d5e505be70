"""The files of a stimulus set that say what it is: its table and its provenance."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.modalities import modality_of_file
from synthstim.stimulus_set.columns import MISSING, Column, typed
from synthstim.stimulus_set.paths import inside

# What the package itself reads of the provenance.
_OBJECTS = "observer pool null device criteria versions stimuli table sources parts series labels"
_FACTS: dict[str, type] = {
    **dict.fromkeys(_OBJECTS.split(), dict),
    **dict.fromkeys(("modality", "recipe", "coding", "adopted_from"), str),
}
NEEDED = ("stimulus_id", "file", "sha256", "kind")


def read_provenance(root: Path, name: str = "provenance.json") -> dict[str, Any]:
    """What made the set.

    Raises:
        InputError: there is none, or it is no such file.
    """
    try:
        content = json.loads(inside(root, name).read_text(encoding="utf-8"))
    except (InputError, OSError):
        raise _no_set(root, name) from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{root / name} is not valid JSON ({error})", code="unreadable") from None
    _require_facts(content, str(root / name))
    for part, facts in content.get("parts", {}).items():
        _require_facts(facts, f"{root / name}: the part {part}")
    return content


def _no_set(root: Path, lacking: str) -> InputError:
    """The mistake of a path that is no set, and what makes one of what lies there."""
    said = f"{root} is not a stimulus set"
    if not root.exists():
        return InputError(f"{said}: nothing is there", "check the path", code="missing")
    if not root.is_dir():
        return InputError(f"{said}: it is a file", "give the folder of a set", code="unreadable")
    own = next((kind for path in sorted(root.iterdir()) if (kind := modality_of_file(path)) is not None), None)
    advice = "" if own is None else f"synthstim adopt makes one of {own.plural} of your own"
    return InputError(f"{said}: it has no {lacking}", advice, code="unreadable")


def _require_facts(facts: Any, place: str) -> None:
    if not isinstance(facts, dict):
        raise InputError(f"{place} should hold one JSON object", "copy the set again")
    for key, kind in _FACTS.items():
        if key in facts and not isinstance(facts[key], kind):
            wanted = "an object" if kind is dict else "text"
            raise InputError(f"{place}: {key} is {json.dumps(facts[key])[:40]}; expected {wanted}")


def read_cells(root: Path) -> pd.DataFrame:
    """The table of a set as text, cell by cell.

    Raises:
        InputError: there is none, or it is no table of stimuli.
    """
    path = root / "stimuli.tsv"
    try:
        cells = _cells(inside(root, "stimuli.tsv"))
    except InputError:
        raise _no_set(root, "stimuli.tsv") from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path} cannot be read as a table ({error})", code="unreadable") from None
    require_columns(cells, NEEDED, str(path))
    return cells


def _cells(path: Path) -> pd.DataFrame:
    # Spreadsheets put a byte order mark in front.
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, na_filter=False, encoding="utf-8-sig")


def require_columns(table: pd.DataFrame, needed: Iterable[str], name: str) -> None:
    """Raise InputError unless a table that messages call so has the columns."""
    if absent := [column for column in needed if column not in table]:
        whole = "".join(map(str, table.columns[:1]))
        other = next((mark for mark in ",;|" if mark in whole), None)
        hint = f": its columns are parted by {other!r}; expected tabs" if other and table.shape[1] == 1 else ""
        raise InputError(f"{name} lacks the column {absent[0]}{hint}", code="missing")


def read_table(root: Path, columns: Mapping[str, Column]) -> pd.DataFrame:
    """The table of a set with the types of its columns; those that it lacks are missing throughout.

    Raises:
        InputError: it is no such table.
    """
    text = read_cells(root)
    for name in columns:
        if name not in text:
            text[name] = MISSING
    try:
        return typed(text, columns)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{root / 'stimuli.tsv'} has a cell that does not fit its column ({error})", code="mismatch"
        ) from None
