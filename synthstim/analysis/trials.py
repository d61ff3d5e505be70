"""The trials of all participants of a listening test, read and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from synthstim.analysis.design import Design
from synthstim.errors import InputError, nearest
from synthstim.experiment.runtime.simulate import DATA, REHEARSAL
from synthstim.experiment.runtime.tables import MISSING

ANSWERED, INTERRUPTED = "answered", "interrupted"
_NUMBERS = ("participant", "run", "attempt", "trial")
_FLAGS = ("catch", "correct", "played")
# Experiments exported before said true and false.
_FLAG = {"1": True, "0": False, "true": True, "false": False}
PARTS = ("headphone", "demo", "main")
TRIAL_COLUMNS = (
    "participant", "run", "part", "attempt", "trial", "catch", "source", "condition", "observer", "layer", "stimulus_id",
    "file", "sha256", "word", "answer", "correct", "status", "played", "underflows", "onset_s", "duration_s", "rt_s", "first_key_s",
    "replaced", "headphone_passed", "time",
)  # fmt: skip
_TRIAL = ["participant", "part", "attempt", "trial"]


@dataclass(frozen=True)
class Trials:
    """All trials.

    Attributes:
        table: one row a trial, with the columns that the experiment writes; numbers, flags and missing values as such.
        left_out: participants whose tables cannot be used, and why, a sentence each; none of their trials is in ``table``.
        rehearsed: whether these are of rehearsals, not of people.
        notes: what was left out while reading, a sentence each.
    """

    table: pd.DataFrame
    left_out: Mapping[int, str] = field(default_factory=dict)
    rehearsed: bool = False
    notes: tuple[str, ...] = ()


def read_trials(directory: str | Path, design: Design, *, rehearsal: bool = False) -> Trials:
    """Read the trial tables of all participants, ``data/*_trials.tsv``.

    A participant whose table is damaged, is there twice, or belongs to another experiment (it names a condition or a word
    that this one does not have) is left out, and ``Trials.left_out`` says why.

    Args:
        directory: the experiment's folder.
        design: of the experiment.
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
                check_trials(table, design)
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
    if not whole or tuple(lines[0]) != TRIAL_COLUMNS:
        raise InputError(
            f"{path.name} is not a table of trials: its first line should name {', '.join(TRIAL_COLUMNS[:4])}, ...",
            code="unreadable",
        )
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(TRIAL_COLUMNS):
            raise InputError(
                f"{path.name}, line {number} has {len(line)} of {len(TRIAL_COLUMNS)} cells",
                "copy it again from the computer of the experiment",
            )
    notes = [f"{path.name} ends within a line: its last trial was not written whole and is left out"] if rest else []
    return _typed(pd.DataFrame(lines[1:], columns=[*TRIAL_COLUMNS], dtype="string"), path.name), notes


def _typed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    table = table.replace(MISSING, pd.NA)
    for column in _NUMBERS:
        if not table[column].str.fullmatch(r"\d+").all():
            raise InputError(
                f"{name} has a cell in the column {column} that is not a whole number", "restore the table"
            )
        table[column] = table[column].astype("int64")
    for column in _FLAGS:
        if not table[column].dropna().isin(_FLAG).all():
            raise InputError(f"{name} has a cell in the column {column} that is neither 1 nor 0", "restore the table")
        table[column] = table[column].map(_FLAG, na_action="ignore").astype("boolean")
    return table


def check_trials(table: pd.DataFrame, design: Design) -> None:
    """Check that trials belong to a design and that none is there twice.

    Raises:
        InputError: a part, condition, word or answer is unknown, a trial or a source is there twice, or an answered
            trial says nothing.
    """
    if (beyond := int(table["participant"].max())) > design.participants:
        raise InputError(
            f"participant {beyond} given; this experiment is for participants 1 to {design.participants}",
            "keep the data of different exports apart",
            code="too-large",
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
                f"({nearest(str(row[column]), known)})",
                "keep the data of different exports apart",
                code="unknown",
            )
    for rows, columns, what in (
        (table, _TRIAL, "trial"),
        (heard[heard["source"].notna()], ["participant", "source"], "source"),
    ):
        for row in rows[rows.duplicated(columns)].head(1).to_dict("records"):
            raise InputError(
                f"participant {row['participant']} has the {what} {row[what]!r} twice ({row['part']})",
                "restore the table",
            )
    for row in table[table["correct"].isna() & (table["status"] == ANSWERED)].head(1).to_dict("records"):
        raise InputError(
            f"participant {row['participant']} has an answered trial that is neither right nor wrong",
            "restore the table",
        )


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
