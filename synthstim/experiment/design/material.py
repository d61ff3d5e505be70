"""The stimuli that trials are made of: those of a set, and the references that they were made from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.ids import free_id
from synthstim.stimulus_set import check_ids

NATURAL = "natural"


@dataclass(frozen=True)
class Candidate:
    """One stimulus: its id, file and checksum in the set, and what the tables say of it."""

    stimulus_id: str
    file: str
    sha256: str
    kind: str
    status: str
    reference: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)

    def value(self, column: str) -> str:
        """What a column says of it; n/a where it says nothing."""
        return self.columns.get(column, "n/a")


@dataclass(frozen=True)
class Pool:
    """The stimuli of an experiment made of trials.

    Attributes:
        members: the set's own, in its order.
        references: what they were made from, by file, each once.
        columns: names of the columns that may be conditions.
        dropped: how many of the set are left out because they failed their check.
    """

    members: tuple[Candidate, ...]
    references: Mapping[str, Candidate]
    columns: tuple[str, ...]
    dropped: int = 0

    def __iter__(self) -> Iterator[Candidate]:
        yield from self.members
        yield from self.references.values()

    def only(self, values: Mapping[str, tuple[str, ...]]) -> Pool:
        """The pool with those of the set's stimuli whose columns have one of the values."""
        kept = [one for one in self.members if all(one.value(column) in wanted for column, wanted in values.items())]
        if not kept:
            told = ", ".join(f"{column} {' or '.join(wanted)}" for column, wanted in values.items())
            raise InputError(
                f"no stimulus has {told}, which the design asks for under only", "correct it, or leave it out"
            )
        return dataclasses.replace(self, members=tuple(kept))

    def require(self, columns: tuple[str, ...], what: str) -> None:
        """Raise InputError unless there are columns of these names."""
        from synthstim.errors import nearest

        for column in columns:
            if column not in self.columns:
                raise InputError(
                    f"{what} names the column {column!r}, which neither the set nor a table of yours has",
                    f"{nearest(column, self.columns)} (a table with that column and stimulus_id is given with --table)",
                    code="missing",
                )


def read_pool(rows: pd.DataFrame, name: str, *, include: str, kept_of_references: Sequence[str] = ()) -> Pool:
    """What trials are made of.

    Args:
        rows: the set's table, with what the user's table adds.
        include: ``passed`` leaves out what failed its check.
        kept_of_references: columns that hold for a reference as for the first stimulus made from it.

    Raises:
        InputError: nothing remains.
    """
    kept = rows if include == "all" else rows[rows["status"].fillna("") != "failed"]
    if not len(kept):
        raise InputError(
            f"no stimulus of {name} remains, all failed their check", "choose include=all", code="none-passed"
        )
    taken = {str(name).lower() for name in rows["stimulus_id"]}
    references: dict[str, Candidate] = {}
    if "reference" in kept:
        unique = kept.dropna(subset=["reference"]).drop_duplicates("reference")
        for row in unique.to_dict("records"):
            file = row["reference"]
            told = {"reference": Path(file).stem, "kind": NATURAL}
            told |= {one: _cell(row[one]) for one in kept_of_references if one in row and _cell(row[one]) != "n/a"}
            named = free_id(f"ref_{Path(file).stem}", taken)
            references[file] = Candidate(named, file, row["reference_sha256"], NATURAL, "n/a", file, told)
    members = tuple(_member(row) for row in kept.to_dict("records"))
    check_ids(member.stimulus_id for member in members)
    return Pool(members, references, tuple(map(str, rows.columns)), len(rows) - len(kept))


def _member(row: Mapping[Any, Any]) -> Candidate:
    columns = {str(name): _cell(value) for name, value in row.items() if _cell(value) != "n/a"}
    reference = columns.get("reference", "")
    if reference:
        columns["reference"] = Path(reference).stem
    return Candidate(
        str(row["stimulus_id"]), str(row["file"]), str(row["sha256"]), columns.get("kind", "n/a"),
        columns.get("status", "n/a"), reference, columns,
    )  # fmt: skip


def _cell(value: Any) -> str:
    if value is None or value is pd.NA or value != value or value == "":
        return "n/a"
    return f"{value:.10g}" if isinstance(value, float) else " ".join(str(value).split())
