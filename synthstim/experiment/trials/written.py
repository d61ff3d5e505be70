"""The plan on disk: plan.tsv for people and the session, a conditions file a participant for Builder's loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from synthstim.experiment.design.plan import PlannedTrial, conditions_text, plan_text
from synthstim.experiment.trials.columns import meanings
from synthstim.files import as_json


def write_plan(
    directory: Path, plans: Sequence[Sequence[PlannedTrial]], slots: Sequence[str], columns: Sequence[str], files: Mapping[str, str]
) -> None:  # fmt: skip
    """Write plan.tsv, conditions/participant_001.csv, ..., and trials.json, which says what the columns of the data mean.

    Args:
        directory: the experiment's folder.
        plans: the trials of each participant, in order.
        slots: of a trial.
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
