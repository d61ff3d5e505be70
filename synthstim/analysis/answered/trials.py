"""The trials of all participants of an experiment, read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from synthstim.analysis.answered.checking import check_trials
from synthstim.analysis.answered.columns import as_one_table, as_typed
from synthstim.analysis.answered.study import Study
from synthstim.errors import InputError
from synthstim.experiment.runtime.simulate import DATA, REHEARSAL

# What every table of trials has, under today's names or those of listening tests.
_FIRST = ("participant", "trial", "condition", "status")


@dataclass(frozen=True)
class Trials:
    """All trials.

    Attributes:
        table: one row a trial, with the columns that every protocol has (``columns.as_one_table``) and the experiment's own.
        left_out: participants whose tables cannot be used, and why, a sentence each; none of their trials is in ``table``.
        rehearsed: whether these are of rehearsals, not of people.
        notes: what was left out while reading, a sentence each.
    """

    table: pd.DataFrame
    left_out: Mapping[int, str] = field(default_factory=dict)
    rehearsed: bool = False
    notes: tuple[str, ...] = ()


def read_trials(directory: str | Path, study: Study, *, rehearsal: bool = False) -> Trials:
    """Read the trial tables of all participants, ``data/*_trials.tsv``.

    A participant whose table is damaged, is there twice, or belongs to another experiment (it names a condition or an
    answer that this one does not have) is left out, and ``Trials.left_out`` says why.

    Args:
        directory: the experiment's folder.
        study: of the experiment.
        rehearsal: read what rehearsals wrote instead, ``rehearsal/*_trials.tsv``.

    Raises:
        InputError: nobody took part yet, or no table can be used.
    """
    data = Path(directory) / (REHEARSAL if rehearsal else DATA)
    paths = sorted(data.glob("*_trials*.tsv"))
    if not paths:
        raise InputError(
            f"{directory} holds no data: no participant has taken part yet ({data.name}/*_trials.tsv){_elsewhere(data)}",
            code="missing",
        )
    tables: dict[int, pd.DataFrame] = {}
    left_out, notes = _copies(paths) | ({} if rehearsal else _rehearsed(data)), []
    for path in paths:
        if (number := _number(path)) in left_out:
            continue
        try:
            table, note = _read_table(path)
            _require_own(table, number, path)
            if len(table):
                check_trials(table, study)
        except InputError as error:
            left_out[number] = str(error)
            continue
        tables[number] = table
        notes += note
    if not tables:
        raise InputError(f"no table of trials can be used: {next(iter(left_out.values()))}")
    table = pd.concat(tables.values(), ignore_index=True)
    if table.empty:
        raise InputError(f"{directory} holds no data: no trial has been answered yet", code="missing")
    return Trials(table, left_out, rehearsal, tuple(notes))


def _elsewhere(data: Path) -> str:
    """Where there are tables instead, for a sentence."""
    if data.name == REHEARSAL or not any(data.with_name(REHEARSAL).glob("*_trials*.tsv")):
        return ""
    return "; it has only been rehearsed (analyse --rehearsal)"


def _number(path: Path) -> int:
    """The participant whose table a file is, by its name."""
    found = re.search(r"participant_(\d+)_trials", path.name)
    if found is None:
        raise InputError(f"{path.name} names no participant; expected names like ..._participant_001_trials.tsv")
    return int(found.group(1))


def _copies(paths: Sequence[Path]) -> dict[int, str]:
    """Participants of whom there is more than one table."""
    several: dict[int, list[str]] = {}
    for path in paths:
        several.setdefault(_number(path), []).append(path.name)
    return {
        number: f"participant {number} is in {names[0]} and in {names[1]}: remove the one that is a copy"
        for number, names in several.items()
        if len(names) > 1
    }


def _require_own(table: pd.DataFrame, number: int, path: Path) -> None:
    if other := sorted(set(table["participant"]) - {number}):
        raise InputError(
            f"{path.name} holds trials of participant {other[0]}", "give each participant a table of their own"
        )


def _read_table(path: Path) -> tuple[pd.DataFrame, list[str]]:
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(
            f"{path.name} is not text in UTF-8", "copy it again from the computer of the experiment"
        ) from None
    whole, _, rest = content.rpartition("\n")
    lines = [line.removesuffix("\r").split("\t") for line in whole.split("\n")]
    if not whole or not {*_FIRST} <= {*lines[0]} or len({*lines[0]}) < len(lines[0]):
        raise InputError(
            f"{path.name} is not a table of trials: its first line should name {', '.join(_FIRST)}, ...",
            code="unreadable",
        )
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(lines[0]):
            raise InputError(
                f"{path.name}, line {number} has {len(line)} of {len(lines[0])} cells",
                "copy it again from the computer of the experiment",
            )
    notes = [f"{path.name} ends within a line: its last trial was not written whole and is left out"] if rest else []
    return as_one_table(as_typed(pd.DataFrame(lines[1:], columns=lines[0], dtype="string"), path.name)), notes


def _rehearsed(data: Path) -> dict[int, str]:
    """Participants whose runs were simulated, though their tables lie among real ones, as older exports put them."""
    found = {}
    for path in data.glob("*_session.json"):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record.get("simulated") and isinstance(record.get("participant"), int):
                found[record["participant"]] = "rehearsal: the run was simulated"
        except (ValueError, AttributeError):
            continue  # a record cut off by a crash says nothing about the trials
    return found
