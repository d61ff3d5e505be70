"""The trials of all participants of a listening test, read and checked."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from synthstim.analysis.design import Design
from synthstim.errors import InputError, nearest
from synthstim.experiment.runtime.tables import MISSING
from synthstim.experiment.runtime.trials import PARTS, TRIAL_COLUMNS

ANSWERED, INTERRUPTED = "answered", "interrupted"
_NUMBERS = ("participant", "run", "attempt", "trial")
_FLAGS = ("catch", "correct", "played")
_TRIAL = ["participant", "part", "attempt", "trial"]


@dataclass(frozen=True)
class Trials:
    """All trials.

    Attributes:
        table: one row a trial, with the columns that the experiment writes; numbers, flags and missing values as such.
        rehearsed: participants whose runs were simulated.
        notes: what was left out while reading, a sentence each.
    """

    table: pd.DataFrame
    rehearsed: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


def read_trials(directory: Path, design: Design) -> Trials:
    """Read the trial tables of all participants, ``data/*_trials.tsv``.

    Raises:
        InputError: nobody took part yet, a table is damaged, a participant is there twice, or a table belongs to
            another experiment: it names a condition or a word that this one does not have.
    """
    paths = sorted((directory / "data").glob("*_trials*.tsv"))
    if not paths:
        raise InputError(f"{directory} holds no data: no participant has taken part yet (data/*_trials.tsv)")
    tables, notes = [], []
    for path in paths:
        table, note = _read_table(path)
        tables.append(table)
        notes += note
    table = pd.concat(tables, ignore_index=True)
    if table.empty:
        raise InputError(f"{directory} holds no data: no trial has been answered yet")
    _require_once(paths, tables)
    check_trials(table, design)
    return Trials(table, frozenset(_rehearsed(directory / "data")), tuple(notes))


def _read_table(path: Path) -> tuple[pd.DataFrame, list[str]]:
    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(
            f"{path.name} is no text in UTF-8: copy it again from the computer of the experiment"
        ) from None
    whole, _, rest = content.rpartition("\n")
    lines = [line.removesuffix("\r").split("\t") for line in whole.split("\n")]
    if not whole or tuple(lines[0]) != TRIAL_COLUMNS:
        raise InputError(
            f"{path.name} is no table of trials: its first line should name {', '.join(TRIAL_COLUMNS[:4])}, ..."
        )
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(TRIAL_COLUMNS):
            raise InputError(
                f"{path.name}, line {number} has {len(line)} of {len(TRIAL_COLUMNS)} cells: copy it again from the computer "
                "of the experiment"
            )
    notes = [f"{path.name} ends within a line: its last trial was not written whole and is left out"] if rest else []
    return _typed(pd.DataFrame(lines[1:], columns=[*TRIAL_COLUMNS], dtype="string"), path.name), notes


def _typed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    table = table.replace(MISSING, pd.NA)
    for column in _NUMBERS:
        if not table[column].str.fullmatch(r"\d+").all():
            raise InputError(f"{name} has a cell in the column {column} that is no whole number: restore the table")
        table[column] = table[column].astype("int64")
    for column in _FLAGS:
        if not table[column].dropna().isin(["true", "false"]).all():
            raise InputError(
                f"{name} has a cell in the column {column} that is neither true nor false: restore the table"
            )
        table[column] = table[column].map({"true": True, "false": False}, na_action="ignore").astype("boolean")
    return table


def _require_once(paths: Iterable[Path], tables: Iterable[pd.DataFrame]) -> None:
    owner: dict[int, str] = {}
    for path, table in zip(paths, tables, strict=True):
        for number in table["participant"].unique():
            if number in owner:
                raise InputError(
                    f"participant {number} is in {owner[number]} and in {path.name}: remove the one that is a copy"
                )
            owner[int(number)] = path.name


def check_trials(table: pd.DataFrame, design: Design) -> None:
    """Check that trials belong to a design and that none is there twice.

    Raises:
        InputError: a part, condition, word or answer is unknown, a trial or a source is there twice, or an answered
            trial says nothing.
    """
    if (beyond := int(table["participant"].max())) > design.participants:
        raise InputError(
            f"participant {beyond} came, this experiment is for participants 1 to {design.participants}: keep the data of "
            "different exports apart"
        )
    heard = table[table["part"] != "headphone"]
    words = f"the {len(design.words)} words of this experiment"
    for column, known, what in (
        ("part", PARTS, "the parts of a listening test"),
        ("condition", design.names, "the conditions of this experiment"),
        ("word", design.words, words),
        ("answer", design.words, words),
        ("status", (ANSWERED, INTERRUPTED), "what can become of a trial"),
    ):
        strange = heard[heard[column].notna() & ~heard[column].isin([*known])]
        for row in strange.head(1).to_dict("records"):
            raise InputError(
                f"participant {row['participant']} has the {column} {row[column]!r}, which is not among {what} "
                f"({nearest(str(row[column]), known)}): keep the data of different exports apart"
            )
    for rows, columns, what in (
        (table, _TRIAL, "trial"),
        (heard[heard["source"].notna()], ["participant", "source"], "source"),
    ):
        for row in rows[rows.duplicated(columns)].head(1).to_dict("records"):
            raise InputError(
                f"participant {row['participant']} has the {what} {row[what]!r} twice ({row['part']}): restore the table"
            )
    for row in table[table["correct"].isna() & (table["status"] == ANSWERED)].head(1).to_dict("records"):
        raise InputError(
            f"participant {row['participant']} has an answered trial that is neither right nor wrong: restore the table"
        )


def _rehearsed(data: Path) -> Iterable[int]:
    for path in data.glob("*_session.json"):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            if record.get("simulated") and isinstance(record.get("participant"), int):
                yield record["participant"]
        except (ValueError, AttributeError):
            continue  # a record cut off by a crash says nothing about the trials
