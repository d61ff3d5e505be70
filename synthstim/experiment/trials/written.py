"""The plan on disk: plan.tsv for people and the session, a conditions file a participant for Builder's loops."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthstim.experiment.design.material import Candidate
from synthstim.experiment.design.plan import CATCH, PlannedTrial
from synthstim.experiment.runtime.plan import COMMON, MISSING, RIGHT
from synthstim.experiment.trials.columns import meanings
from synthstim.files import as_json


def write_plan(
    directory: Path, plans: Sequence[Sequence[PlannedTrial]], slots: Sequence[str], columns: Sequence[str], files: Mapping[str, str]
) -> None:  # fmt: skip
    """Write plan.tsv, conditions/participant_001.csv, ..., and trials.json, which says what the columns of the data mean.

    Args:
        plans: the trials of each participant, in order.
        columns: names of the columns of the conditions.
        files: the file of each stimulus, by its id.
    """
    (directory / "plan.tsv").write_text(plan_text(plans, slots, columns, files), encoding="utf-8", newline="\n")
    adaptive = any(trial.track is not None for plan in plans for trial in plan)
    (directory / "trials.json").write_bytes(as_json(meanings(columns, slots, adaptive=adaptive)))
    (directory / "conditions").mkdir(exist_ok=True)
    for number, plan in enumerate(plans, start=1):
        text = conditions_text(plan, slots, files)
        (directory / "conditions" / f"participant_{number:03d}.csv").write_text(text, encoding="utf-8", newline="\n")


def plan_text(
    plans: Sequence[Sequence[PlannedTrial]], slots: Sequence[str], columns: Sequence[str], files: Mapping[str, str]
) -> str:
    """The text of plan.tsv.

    Args:
        columns: names of the columns of the conditions.
        files: the file of each stimulus in the experiment, by its id.
    """
    stream = io.StringIO()
    writer = csv.writer(
        stream, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, escapechar=None, quotechar=None
    )
    writer.writerow([*COMMON, *columns, *slots, RIGHT])
    for number, trials in enumerate(plans, start=1):
        counted: dict[str, int] = {}
        for trial in trials:
            part = "main" if trial.phase == CATCH else trial.phase
            place = counted[part] = counted.get(part, -1) + 1
            told = {
                "participant": number, "trial": place, "block": trial.block, "phase": trial.phase, "rest": int(trial.rest),
                "condition": trial.condition, "pair": trial.pair or MISSING, "track": trial.track or MISSING,
            }  # fmt: skip
            cells = [told[name] for name in COMMON] + [trial.columns.get(name, MISSING) for name in columns]
            cells += [_cell(trial.slots.get(slot), files) for slot in slots]
            writer.writerow([*cells, MISSING if trial.right is None else trial.right])
    return stream.getvalue()


def conditions_text(plan: Sequence[PlannedTrial], slots: Sequence[str], files: Mapping[str, str]) -> str:
    """The text of a participant's conditions file, which Builder's loops read: numbers and paths only.

    PsychoPy makes each column a variable, and takes cells for numbers or lists where they look like it.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["part_number", "trial_number", "rest_before", *slots])
    counted: dict[int, int] = {}
    for trial in plan:
        part = {"headphone": 0, "practice": 1}.get(trial.phase, 2)
        place = counted[part] = counted.get(part, -1) + 1
        writer.writerow(
            [part, place, int(trial.rest), *(_cell(trial.slots.get(slot), files, empty="-") for slot in slots)]
        )
    return stream.getvalue()


def _cell(held: Any, files: Mapping[str, str], *, empty: str = MISSING) -> str:
    if held is None:
        return empty
    return files[held.stimulus_id] if isinstance(held, Candidate) else str(held)
