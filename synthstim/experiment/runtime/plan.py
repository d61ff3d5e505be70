"""The plan of an experiment made of trials, read back: plan.tsv, a row a trial of every participant."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .stop import stopped

MISSING, RIGHT = "n/a", "right"
# What every plan says of a trial, before the columns of its conditions and its slots.
COMMON = ("participant", "trial", "block", "phase", "rest", "condition", "pair", "track")
_NUMBERS = ("participant", "trial", "block", "rest")
# The parts of an experiment, each a loop; catch trials are among those of the main part.
PARTS = ("headphone", "practice", "main")
CATCH = "catch"


def part_of(row: Mapping[str, Any]) -> str:
    """The part that a trial belongs to."""
    return "main" if row["phase"] == CATCH else str(row["phase"])


def read_plan(path: Path) -> dict[int, list[dict[str, Any]]]:
    """The trials of each participant, in order, numbers as numbers.

    Raises:
        SystemExit: the file is missing or damaged.
    """
    plans: dict[int, list[dict[str, Any]]] = {}
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE):
                trial: dict[str, Any] = row | {name: int(row[name]) for name in _NUMBERS}
                plans.setdefault(trial["participant"], []).append(trial)
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise stopped(f"{path.name} cannot be read ({error}): export the experiment again") from None
    return plans


def require_same(path: Path, plan: Sequence[Mapping[str, Any]], slots: Sequence[str]) -> None:
    """Compare a participant's conditions file, which the loops read, with the plan.

    Raises:
        SystemExit: it is missing, or says something else.
    """
    try:
        with open(path, encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as error:
        raise stopped(f"{path.name} cannot be read ({error}): export the experiment again") from None
    if len(rows) != len(plan):
        raise stopped(f"{path.name} has {len(rows)} trials where plan.tsv has {len(plan)}: export the experiment again")
    for row, planned in zip(rows, plan, strict=True):
        wanted = {"part_number": str(PARTS.index(part_of(planned))), "trial_number": str(planned["trial"])}
        wanted |= {slot: "-" if planned[slot] == MISSING else planned[slot] for slot in slots}
        for name, cell in wanted.items():
            if row.get(name) != cell:
                raise stopped(
                    f"{path.name} says {row.get(name)} where plan.tsv says {cell}: export the experiment again"
                )
