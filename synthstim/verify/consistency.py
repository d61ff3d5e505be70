"""Whether the tables of a set agree with one another: ids and goals with the provenance, the status with the figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.models import StimulusInput
from synthstim.stimulus_set import StimulusSet
from synthstim.verify.judging import judge
from synthstim.verify.measure import Measured

MADE = ("metamer", "controller", "distortion")
# What a status rests on that stands in the table, too.
_JUDGED = ("null_percentile", "same_class", "match_db", "held_db", "activation", "best_natural")


def aim_of(stimuli: StimulusSet, row: dict[str, Any]) -> Aim | None:
    """What a stimulus is meant to do, by the provenance; None where it says nothing of it.

    Raises:
        InputError: what it says cannot be read, or its goal is not installed.
    """
    facts = stimuli.provenance.get("stimuli", {}).get(row["stimulus_id"])
    return read_aim(facts) if isinstance(facts, dict) else None


def read_aim(facts: dict[str, Any]) -> Aim:
    """An aim that a provenance file describes, whole for its goal.

    Raises:
        InputError: it cannot be read, it lacks what its goal needs, or its goal is not installed.
    """
    aim = Aim.from_facts(facts)
    try:
        GOALS[aim.goal].require_whole(aim)
    except InputError as error:
        raise InputError(f"provenance.json: {error}") from None
    except ValueError as error:
        raise InputError(
            f"provenance.json describes a stimulus that cannot be read ({error})", code="unreadable"
        ) from None
    return aim


def disagreements(stimuli: StimulusSet) -> Iterator[str]:
    """One sentence for each stimulus of which the table and the provenance say different things.

    Raises:
        InputError: the provenance describes a stimulus in a way that cannot be read.
    """
    described = stimuli.provenance.get("stimuli", {})
    rows = [{str(name): value for name, value in row.items()} for row in stimuli.table.to_dict("records")]
    for name in described.keys() - {row["stimulus_id"] for row in rows}:
        yield f"{name}: provenance.json describes it, stimuli.tsv has no row of it"
    for row in rows:
        aim = aim_of(stimuli, row)
        if aim is None:
            if row["kind"] in MADE and "stimuli" in stimuli.provenance:
                yield f"{row['stimulus_id']}: the table calls it a {row['kind']}, provenance.json does not describe it"
            continue
        told: dict[str, Any] = {"goal": aim.goal, "unit": aim.unit_name, "level": aim.level}
        told |= {name: value for name, value in aim.given if name in ("direction", "amplitude")}
        for column, value in told.items():
            if not _agree(row[column], value):
                yield f"{row['stimulus_id']}: {column} is {value} in provenance.json, the table says {row[column]}"


def require_shown(stimuli: StimulusSet, input: StimulusInput) -> None:
    """Raise InputError unless stimuli that were made have the shape that the provenance says: before a model is built for it."""
    made = stimuli.table[stimuli.table["kind"].isin(MADE)]
    if len(made) and (came := stimuli.stimulus(made["file"].iloc[0]).shape) != input.shape:
        raise InputError(
            f"{stimuli.root}/provenance.json describes stimuli of {' x '.join(map(str, input.shape))}"
            f" ({input.axes}), {made['file'].iloc[0]} has {' x '.join(map(str, came))}",
            "restore it from a copy",
        )


def judged_otherwise(row: dict[str, Any], aim: Aim, again: Measured, criteria: dict[str, Any]) -> Iterator[str]:
    """A sentence if a status is not what the figures give, neither the table's nor those that were measured again."""
    if row["kind"] not in MADE or pd.isna(row["status"]) or (row["kind"] == "metamer" and not criteria):
        return
    target = None if pd.isna(row["target_db"]) else float(row["target_db"])
    recorded = {name: row[name] for name in _JUDGED if name in again and not pd.isna(row[name])}
    judged = [judge(aim, figures, criteria, target) for figures in (again | recorded, again)]
    if row["status"] not in {status for status, _ in judged}:
        status, reason = judged[0]
        yield (
            f"{row['stimulus_id']}: by its figures it {status}{f' ({reason})' if reason else ''}, the table says"
            f" {row['status']}"
        )


def _agree(cell: Any, value: Any) -> bool:
    if value is None or pd.isna(cell):
        return bool(value is None and pd.isna(cell))
    # Cells hold seven digits.
    return abs(cell - value) <= 1e-6 * abs(value) if isinstance(value, float) else str(cell) == str(value)
