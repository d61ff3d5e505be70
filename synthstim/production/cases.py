"""From what a run made to the cases that controls are made for, and their part of the set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import pandas as pd
from torch import Tensor

from synthstim.controls import Case, Control, Use, make_controls
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.production.jobs import Job, settings_of
from synthstim.production.work_directory import Made
from synthstim.recipe import Controller, Recipe
from synthstim.stimulus_set import SetWriter
from synthstim.verify import Measurer

Controls = tuple[list[Control], list[Use]]
Keep = Callable[[str, Callable[[], dict[str, Tensor]]], dict[str, Tensor]]


def controls_of(
    recipe: Recipe, measurer: Measurer, jobs: Sequence[Job], results: Sequence[Made], keep: Keep
) -> Controls:
    """Make the controls that a recipe asks for; none if it asks for none."""
    if not (asked := recipe.controls.asked()):
        return [], []
    cases = _cases(jobs, results, measurer)
    return make_controls(cases, asked, measurer.observer, measurer.pool, seed=recipe.seed, keep=keep)


def _cases(jobs: Sequence[Job], results: Sequence[Made], measurer: Measurer) -> list[Case]:
    """The controllers of one entry's settings for one unit and goal are one case."""
    modality = measurer.observer.input.modality
    found: dict[tuple[Aim, str, str], Case] = {}
    for job, made in zip(jobs, results, strict=True):
        for item, aim, values in zip(job.items, job.aims, made.stimuli, strict=True):
            entry = item.entry
            if not isinstance(entry, Controller):
                continue
            controller = (item.stimulus_id, modality.rounded(values.numpy(), entry.bits))
            head, settings = item.stimulus_id.rpartition("_")[0], settings_of(item)
            known = found.get(key := (aim, entry.name, settings))
            found[key] = Case(
                head=known.head if known else head,
                entry=entry.name,
                aim=aim,
                settings=settings,
                objective=partial(GOALS[entry.goal].objective, entry, measurer=measurer),
                constraints=tuple(job.constraints),
                controllers=(*(known.controllers if known else ()), controller),
            )
    return list(found.values())


def write_controls(writer: SetWriter, measurer: Measurer, controls: Controls) -> dict[str, dict[str, object]]:
    """Write the new stimuli, each measured from its file, and the table of what serves whom; return what provenance keeps.

    A stimulus that serves one case is measured as its controllers are; its row says of which unit.
    """
    made, uses = controls
    served: dict[str, list[Aim]] = {}
    for use in uses:
        aims = served.setdefault(use.stimulus_id, [])
        aims += [use.case.aim] if use.case.aim not in aims else []
    facts = {}
    for control in made:
        path = writer.add(control.stimulus_id, control.stimulus, kind=control.kind, observer=measurer.observer.name)
        writer.rows[-1].update(control.columns | writer.modality.statistics(path))
        if len(aims := served[control.stimulus_id]) == 1:
            measured = measurer.controller(writer.modality.read(path), aims[0])
            writer.rows[-1].update(
                _columns(aims[0]) | {name: measured[name] for name in ("activation", "best_natural")}
            )
            facts[control.stimulus_id] = aims[0].facts() | control.facts
    if uses:
        writer.add_rows("controls.tsv", pd.DataFrame(_rows(writer, measurer, uses, served)))
    return facts


def _rows(
    writer: SetWriter, measurer: Measurer, uses: list[Use], served: Mapping[str, list[Aim]]
) -> list[dict[str, object]]:
    """The table of controls; a stimulus is read once for all whom it serves."""
    files = {str(row["stimulus_id"]): str(row["file"]) for row in writer.rows}
    found = {
        name: dict(zip(aims, measurer.activations(writer.modality.read(writer.path(files[name])), aims), strict=True))
        for name, aims in served.items()
    }
    rows: list[dict[str, object]] = []
    for use in uses:
        aim = use.case.aim
        row: dict[str, object] = {"unit": aim.unit_name, "layer": aim.layer, "goal": aim.goal, "level": aim.level}
        row |= {"control": use.control, "stimulus_id": use.stimulus_id, "of": use.of}
        rows.append(row | {"activation": found[use.stimulus_id][aim]})
    return rows


def _columns(aim: Aim) -> dict[str, object]:
    others = "; ".join(unit.name for unit in aim.others) or None
    return {"goal": aim.goal, "layer": aim.layer, "unit": aim.unit_name, "others": others, "level": aim.level}
