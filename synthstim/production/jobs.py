"""From a recipe to jobs: batches of items that share everything but reference, unit and seed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import PurePath

import numpy as np
import torch

from synthstim import constraints as limits
from synthstim.encoding import SPREAD
from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.kinds import CONTROLS
from synthstim.modalities.base import Stimulus
from synthstim.models import Observer, indices_of
from synthstim.objectives import Objective, diversity, smooth
from synthstim.parametrise import Parametrisation
from synthstim.production import plain
from synthstim.production.fitness import check_modality
from synthstim.production.limits import at_its_site, constraints_of
from synthstim.production.phases import Phase, on_latents, read_given
from synthstim.recipe import Controller, Item, OfReference, Recipe, StimulusSpec, expand, site_problems
from synthstim.recipe.yaml_source import Location
from synthstim.verify import Measurer

AT_ONCE = {"cpu": 8, "cuda": 64, "mps": 16}


@dataclass(frozen=True)
class Job:
    """A batch to synthesise.

    Attributes:
        items: rows of the recipe, in its order.
        aims: what each is meant to do.
        phases: run one after the other; each starts where the one before ended. None where the goal itself makes the stimuli.
        constraints: held throughout.
        references: (batch, *shape) as the observer is given them and the set's files hold them; None for controllers.
    """

    items: list[Item]
    aims: list[Aim]
    phases: list[Phase]
    constraints: list[limits.Constraint]
    references: torch.Tensor | None = field(default=None, repr=False)

    @property
    def evaluations(self) -> int:
        """The most that an item may spend: after the first phase it goes through one of the others."""
        if not self.phases:
            return 1
        first, *others = (phase.stopping.evaluations for phase in self.phases)
        return first + max(others, default=0)


def plan_jobs(
    recipe: Recipe,
    observer: Observer,
    *,
    sites: Sequence[str] | None = None,
    budget: int | None = None,
    at_once: int | None = None,
    luminance: limits.Luminance | None = None,
    parametrisation: Parametrisation | None = None,
) -> list[Job]:
    """Check a recipe against its observer and cut it into jobs; nothing long is run.

    Args:
        sites: what ``sites: all`` stands for; by default all of the observer's.
        budget: cap on the evaluations of each item.
        at_once: items in a batch, by default what suits the device.
        parametrisation: latents of the user's own, instead of those that entries name.

    Raises:
        InputError: a layer, unit, site, image or constraint does not fit; the entry, or the line, is named.
    """
    check_modality(recipe, observer.input)
    found = site_problems(recipe, observer.sites, observer.name, spread=lambda: SPREAD in observer.layers)
    if problems := list(found):
        raise recipe.refusal(problems)
    references = _References(recipe, observer)
    groups: dict[str, list[tuple[Item, Aim]]] = {}
    for item in expand(recipe, observer.sites if sites is None else sites):
        try:
            item = at_its_site(item, observer)
            aim = GOALS[item.entry.goal].aim(item, observer)
            _check(aim, observer)
            if item.reference is not None:
                references.get(item)
            groups.setdefault(settings_of(item), []).append((item, aim))
        except InputError as error:
            place = _place(recipe, item.entry, error.value)
            raise error.within(f"{recipe.at(place)}: {item.entry.name}") from None
    modality = observer.input.modality
    most = at_once or AT_ONCE.get(observer.device.type, 8)
    jobs = []
    for group in groups.values():
        entry = group[0][0].entry
        try:
            held = constraints_of(entry, recipe, observer, luminance)
            limits.check_all(held, observer.input.shape, modality)
            texture = observer.names_groups(group[0][0].layers or ())
            synthesis = modality.part("synthesis") or plain
            solved = GOALS[entry.goal].solves
            phases = [] if solved else synthesis.phases_of(entry, recipe, observer, budget, texture=texture)
            if phases and parametrisation is not None:
                phases = on_latents(phases, parametrisation, observer.input)
        except InputError as error:
            here = _place(recipe, entry, error.value)[:2]
            raise error.within(f"{recipe.at((*here, 'constraints'))}: {entry.name}") from None
        # What is solved for is found once for all of them.
        for batch in _batches(group, len(group) if solved else most):
            items, aims = (list(column) for column in zip(*batch, strict=True))
            stacked = references.stack(items) if isinstance(entry, OfReference) else None
            jobs.append(Job(items, aims, phases, held, stacked))
    for kind in recipe.controls.asked():
        with recipe.placing(("controls", kind)):
            CONTROLS[kind].require([aim for job in jobs for aim in job.aims])
    return jobs


def _batches(group: Sequence[tuple[Item, Aim]], most: int) -> Iterator[list[tuple[Item, Aim]]]:
    """So many items at a time; copies that are to differ see one another, so that they stay together however many they are."""
    batch: list[tuple[Item, Aim]] = []
    for _, alike in groupby(group, key=_copies_of):
        copies = list(alike)
        together = isinstance(copies[0][0].entry, Controller) and bool(copies[0][0].entry.diversity)
        for part in [copies] if together else [[one] for one in copies]:
            if batch and len(batch) + len(part) > most:
                yield batch
                batch = []
            batch = [*batch, *part]
    yield batch


def _copies_of(one: tuple[Item, Aim]) -> tuple[object, ...]:
    """What the copies of one stimulus share."""
    item = one[0]
    return item.entry.name, item.reference, item.layers, item.channel, item.site, item.level, item.given


def objective_of(job: Job, rows: Sequence[int], measurer: Measurer) -> Objective:
    """The objective of some of a job's items."""
    first, aims = job.items[0], [job.aims[row] for row in rows]
    entry, references = first.entry, None if job.references is None else job.references[list(rows)]
    objective = GOALS[entry.goal].objective(entry, aims, measurer, references=references, layers=first.layers or ())
    if isinstance(entry, Controller) and entry.diversity:
        groups = [_copies_of((job.items[row], job.aims[row])) for row in rows]
        objective = objective + entry.diversity * diversity(entry.layer, [groups.index(group) for group in groups])
    return objective + entry.total_variation * smooth() if entry.total_variation else objective


def _check(aim: Aim, observer: Observer) -> None:
    units = (*aim.controlled, *aim.others)
    observer.require_gradient([*aim.layers, *(unit.layer for unit in units)])
    for unit in units:
        indices_of(unit, observer)


def _place(recipe: Recipe, entry: StimulusSpec, named: object) -> Location:
    """Where in a recipe the value stands that an error about an entry names; the entry itself if it names none of it."""
    here: Location = ("stimuli", next(number for number, one in enumerate(recipe.stimuli) if one.name == entry.name))
    return (*here, *GOALS[entry.goal].blamed(entry, named))


def settings_of(item: Item) -> str:
    """What items of one batch share: all of the entry but its name, copies and series, and the layers."""
    entry = item.entry
    settings = entry.model_dump(mode="json", exclude={"name", "copies", "series", *GOALS[entry.goal].shared_but(entry)})
    layer = entry.layer if isinstance(entry, Controller) else item.layers
    return json.dumps([settings, layer], sort_keys=True, default=str)


class _References:
    """References as the observer is given them, each read once."""

    def __init__(self, recipe: Recipe, observer: Observer) -> None:
        self.recipe, self.input = recipe, observer.input
        self.known: dict[tuple[str, int | None], Stimulus] = {}

    def get(self, item: Item) -> Stimulus:
        reference, bits = item.reference or "", item.entry.bits
        if (reference, bits) not in self.known:
            given, modality = read_given(reference, self.recipe, self.input), self.input.modality
            # Rounded first: what is matched is what the set's reference file holds.
            self.known[reference, bits] = modality.rounded(given, modality.reference_bits(bits))
        return self.known[reference, bits]

    def stack(self, items: Sequence[Item]) -> torch.Tensor:
        return torch.from_numpy(np.stack([self.get(item) for item in items]))


def reference_stem(reference: str) -> str:
    """The stem of a reference's file name."""
    return PurePath(reference).stem
