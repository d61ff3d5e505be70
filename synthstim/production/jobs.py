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
from synthstim.images import fit_image, read_image
from synthstim.media import Stimulus, read_for, rounded
from synthstim.models import ImageInput, Observer, SoundInput, Unit
from synthstim.objectives import Objective, diversity, drive, level, match, one_hot, smooth, suppress
from synthstim.production.fitness import check_modality
from synthstim.production.phases import Phase, phases_of
from synthstim.production.sound_phases import sound_phases_of
from synthstim.recipe import Controller, Item, Metamer, Recipe, expand
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
    recipe: Recipe, observer: Observer, *, budget: int | None = None, at_once: int | None = None
) -> list[Job]:
    """Check a recipe against its observer and cut it into jobs; nothing long is run.

    Args:
        budget: cap on the evaluations of each item.
        at_once: items in a batch, by default what suits the device.

    Raises:
        InputError: a layer, unit, image or constraint does not fit; the entry is named.
    """
    check_modality(recipe, observer.input)
    references = _References(recipe, observer)
    groups: dict[str, list[tuple[Item, Aim]]] = {}
    for item in expand(recipe):
        try:
            aim = aim_of(item, observer)
            _check(aim, observer)
            if item.reference is not None:
                references.get(item.reference)
            groups.setdefault(_key(item), []).append((item, aim))
        except InputError as error:
            raise InputError(f"{item.entry.name}: {error}") from None
    most = at_once or AT_ONCE.get(observer.device.type, 8)
    jobs = []
    for group in groups.values():
        entry = group[0][0].entry
        try:
            held = constraints_of(entry, recipe, observer)
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


def aim_of(item: Item, observer: Observer) -> Aim:
    """What an item is meant to do; the name of a group of layers stands for all of them."""
    entry = item.entry
    if isinstance(entry, Metamer):
        layers = [name for layer in item.layers or () for name in observer.groups.get(layer, (layer,))]
        return Aim(goal="match", layers=tuple(dict.fromkeys(layers)))
    spec, place = entry.unit, entry.unit.position
    unit = (
        Unit(layer=spec.layer, channel=item.channel, position=place)
        if item.channel is not None
        else Unit(layer=spec.layer, indices=spec.index_list)
    )
    others: tuple[Unit, ...] = ()
    if entry.others is not None:
        held = entry.others
        others = tuple(
            Unit(layer=held.layer, channel=channel, position=held.position) for channel in held.channels or ()
        )
        others += tuple(Unit(layer=held.layer, indices=(index,)) for index in held.indices or ())
    return Aim(goal=entry.goal, unit=unit, others=others, level=entry.level)


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
        objective = _control(entry, aims, measurer)
        if entry.diversity:
            groups = [f"{job.items[row].entry.name} {job.items[row].channel}" for row in rows]
            numbers = [groups.index(group) for group in groups]
            objective = objective + entry.diversity * diversity(entry.unit.layer, numbers)
    return objective + entry.total_variation * smooth() if entry.total_variation else objective


def _control(entry: Controller, aims: Sequence[Aim], measurer: Measurer) -> Objective:
    units = [aim.unit for aim in aims if aim.unit is not None]
    if entry.goal == "drive":
        return drive(units)
    if entry.goal == "suppress":
        return suppress(units)
    if entry.goal == "level":
        assert entry.level is not None
        return level(units, entry.level)
    together = [units[0], *aims[0].others]
    mean, std = (
        measurer.standardisation(together) if entry.zscore else (np.zeros(len(together)), np.ones(len(together)))
    )
    return one_hot(
        units[0], aims[0].others, temperature=entry.temperature, mean=torch.from_numpy(mean), std=torch.from_numpy(std)
    )


def constraints_of(entry: Metamer | Controller, recipe: Recipe, observer: Observer) -> list[limits.Constraint]:
    """The projections an entry asks for, the ones that must hold best last."""
    if isinstance(observer.input, SoundInput):
        return _sound_constraints(entry, recipe, observer.input)
    asked = entry.constraints
    out: list[limits.Constraint] = []
    if asked.energy is not None:
        out.append(limits.Energy(most=asked.energy))
    if asked.aperture is not None:
        size = asked.aperture.diameter if asked.aperture.shape == "circular" else asked.aperture.sigma
        out.append(limits.Aperture(shape=asked.aperture.shape, size=size or 1.0))
    if asked.mean_luminance is not None or asked.rms_contrast is not None:
        out.append(limits.Luminance(mean=asked.mean_luminance, rms_contrast=asked.rms_contrast))
    if asked.fixed is not None:
        assert isinstance(observer.input, ImageInput)
        channels, height, width = observer.input.shape
        image = fit_image(read_image(recipe.resolve(asked.fixed.image)), channels, (height, width), recipe.fit)
        mask = fit_image(read_image(recipe.resolve(asked.fixed.mask)), 1, (height, width), recipe.fit)
        out.append(limits.Fixed(image=torch.from_numpy(image), mask=torch.from_numpy(mask[0])))
    return out


def _sound_constraints(entry: Metamer | Controller, recipe: Recipe, input: SoundInput) -> list[limits.Constraint]:
    """A sound is held at its level unless the recipe frees it, so that all sounds of a set are played at the same one."""
    asked = entry.constraints
    out: list[limits.Constraint] = []
    if asked.band_hz is not None:
        if asked.band_hz[0] >= input.network_rate / 2:
            raise InputError(
                f"band_hz from {asked.band_hz[0]:g} Hz came, the model hears up to {input.network_rate / 2:g} Hz: lower it"
            )
        out.append(limits.Band(low=asked.band_hz[0], high=asked.band_hz[1], rate=input.rate))
    if asked.ramp_ms is not None:
        out.append(limits.Ramps(seconds=asked.ramp_ms / 1000, rate=input.rate))
    if asked.level_dbfs != "free":
        out.append(limits.Level(rms_dbfs=recipe.level_dbfs if asked.level_dbfs is None else asked.level_dbfs))
    return [*out, limits.Peak(most_dbfs=asked.peak_dbfs)]


def _check(aim: Aim, observer: Observer) -> None:
    observer.require(aim.layers)
    for unit in (*([aim.unit] if aim.unit else []), *aim.others):
        observer.require([unit.layer])
        unit.flat_indices(observer.layers[unit.layer], channel_axis=observer.input.channel_axis)


def _key(item: Item) -> str:
    """What items of one batch share: all of the entry but its name and copies, and the layers."""
    left_out = {"name", "copies", "reference", "layers"}
    if isinstance(item.entry, Controller) and item.entry.goal != "one_hot":
        left_out.add("unit")
    settings = item.entry.model_dump(mode="json", exclude=left_out)
    layer = item.layers or item.entry.unit.layer if isinstance(item.entry, Controller) else item.layers
    return json.dumps([settings, layer], sort_keys=True, default=str)


class _References:
    """References as the observer is given them, each read once."""

    def __init__(self, recipe: Recipe, observer: Observer) -> None:
        self.recipe, self.input = recipe, observer.input
        self.known: dict[str, Stimulus] = {}

    def get(self, reference: str) -> Stimulus:
        if reference not in self.known:
            path = self.recipe.resolve(reference)
            given = read_for(path, self.input, fit=self.recipe.fit, level_dbfs=self.recipe.level_dbfs)
            # Rounded first: what is matched is what the set's reference file holds.
            self.known[reference] = rounded(given, self.input)
        return self.known[reference]

    def stack(self, items: Sequence[Item]) -> torch.Tensor:
        return torch.from_numpy(np.stack([self.get(item.reference or "") for item in items]))


def reference_stem(reference: str) -> str:
    """The stem of a reference's file name."""
    return PurePath(reference).stem
