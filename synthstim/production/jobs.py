"""From a recipe to jobs: batches of items that share everything but reference, unit and seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

import numpy as np
import torch

from synthstim import constraints as limits
from synthstim.errors import InputError
from synthstim.media import Stimulus, read_for, rounded
from synthstim.models import Observer, SoundInput, indices_of
from synthstim.objectives import Objective, diversity, match, smooth
from synthstim.production.fitness import check_modality
from synthstim.production.goals import SPREAD, aim_of, control_objective
from synthstim.production.limits import constraints_of
from synthstim.production.phases import Phase, phases_of
from synthstim.production.sound_phases import sound_phases_of
from synthstim.recipe import Controller, Item, Metamer, Recipe, expand, site_problems
from synthstim.verify import Aim, Measurer

AT_ONCE = {"cpu": 8, "cuda": 64, "mps": 16}


@dataclass(frozen=True)
class Job:
    """A batch to synthesise.

    Attributes:
        items: rows of the recipe, in its order.
        aims: what each is meant to do.
        phases: run one after the other; each starts where the one before ended.
        constraints: held throughout.
        references: (batch, *shape) as the observer is given them; None for controllers.
    """

    items: list[Item]
    aims: list[Aim]
    phases: list[Phase]
    constraints: list[limits.Constraint]
    references: torch.Tensor | None = field(default=None, repr=False)

    @property
    def evaluations(self) -> int:
        """The most that an item may spend: after the first phase it goes through one of the others."""
        first, *others = (phase.stopping.evaluations for phase in self.phases)
        return first + max(others, default=0)


def plan_jobs(
    recipe: Recipe,
    observer: Observer,
    *,
    budget: int | None = None,
    at_once: int | None = None,
    luminance: limits.Luminance | None = None,
) -> list[Job]:
    """Check a recipe against its observer and cut it into jobs; nothing long is run.

    Args:
        budget: cap on the evaluations of each item.
        at_once: items in a batch, by default what suits the device.
        luminance: held by all controllers.

    Raises:
        InputError: a layer, unit, site, image or constraint does not fit; the entry, or the line, is named.
    """
    check_modality(recipe, observer.input)
    spread = (
        any(isinstance(entry, Controller) and entry.caution for entry in recipe.stimuli) and SPREAD in observer.layers
    )
    if problems := list(site_problems(recipe, observer.sites, observer.name, spread=spread)):
        raise recipe.refusal(problems)
    references = _References(recipe, observer)
    groups: dict[str, list[tuple[Item, Aim]]] = {}
    for item in expand(recipe, observer.sites):
        try:
            aim = aim_of(item, observer)
            _check(aim, observer)
            if item.reference is not None:
                references.get(item.reference)
            groups.setdefault(settings_of(item), []).append((item, aim))
        except InputError as error:
            raise InputError(f"{item.entry.name}: {error}") from None
    most = at_once or AT_ONCE.get(observer.device.type, 8)
    jobs = []
    for group in groups.values():
        entry = group[0][0].entry
        try:
            held = constraints_of(entry, recipe, observer, luminance)
            limits.check_all(held, observer.input.shape)
            if isinstance(observer.input, SoundInput):
                texture = of_statistics(group[0][0], observer)
                phases = sound_phases_of(entry, recipe, observer, budget, texture=texture)
            else:
                phases = phases_of(entry, recipe, observer, budget)
        except InputError as error:
            raise InputError(f"{entry.name}: {error}") from None
        for at in range(0, len(group), most):
            items, aims = (list(column) for column in zip(*group[at : at + most], strict=True))
            stacked = references.stack(items) if isinstance(entry, Metamer) else None
            jobs.append(Job(items, aims, phases, held, stacked))
    return jobs


def of_statistics(item: Item, observer: Observer) -> bool:
    """Whether an item matches a named group of layers, such as the statistics of a texture: each of them counts."""
    return bool(item.layers) and all(layer in observer.groups for layer in item.layers or ())


def objective_of(job: Job, rows: Sequence[int], measurer: Measurer) -> Objective:
    """The objective of some of a job's items."""
    entry, aims = job.items[0].entry, [job.aims[row] for row in rows]
    if isinstance(entry, Metamer):
        assert job.references is not None
        joined = "worst" if of_statistics(job.items[0], measurer.observer) else "mean"
        objective = match(job.references[list(rows)], aims[0].layers, metric=entry.metric, joined=joined)
    else:
        objective = control_objective(entry, aims, measurer)
        if entry.diversity:
            items = [job.items[row] for row in rows]
            groups = [(item.entry.name, item.channel, item.site, item.level) for item in items]
            numbers = [groups.index(group) for group in groups]
            objective = objective + entry.diversity * diversity(entry.layer, numbers)
    return objective + entry.total_variation * smooth() if entry.total_variation else objective


def _check(aim: Aim, observer: Observer) -> None:
    observer.require(aim.layers)
    for unit in (*aim.controlled, *aim.others):
        observer.require([unit.layer])
        indices_of(unit, observer)


def settings_of(item: Item) -> str:
    """What items of one batch share: all of the entry but its name and copies, and the layers."""
    left_out = {"name", "copies", "reference", "layers", "levels"}
    if isinstance(item.entry, Controller) and (item.entry.goal != "one_hot" or item.entry.of_sites):
        left_out.add("unit")
    settings = item.entry.model_dump(mode="json", exclude=left_out)
    layer = item.entry.layer if isinstance(item.entry, Controller) else item.layers
    return json.dumps([settings, layer], sort_keys=True, default=str)


class _References:
    """References as the observer is given them, each read once."""

    def __init__(self, recipe: Recipe, observer: Observer) -> None:
        self.recipe, self.input = recipe, observer.input
        self.known: dict[str, Stimulus] = {}

    def get(self, reference: str) -> Stimulus:
        if reference not in self.known:
            path = self.recipe.resolve(reference)
            asked = self.recipe
            given = read_for(path, self.input, fit=asked.fit, level_dbfs=asked.level_dbfs, channel=asked.channel)
            # Rounded first: what is matched is what the set's reference file holds.
            self.known[reference] = rounded(given, self.input)
        return self.known[reference]

    def stack(self, items: Sequence[Item]) -> torch.Tensor:
        return torch.from_numpy(np.stack([self.get(item.reference or "") for item in items]))


def reference_stem(reference: str) -> str:
    """The stem of a reference's file name."""
    return PurePath(reference).stem
