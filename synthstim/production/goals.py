"""What each item is meant to do, and the objective that says so to the optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from synthstim.encoding import SITES, SPREAD, STANDARDISED
from synthstim.models import Observer, Unit
from synthstim.objectives import Objective, doubt, drive, level, one_hot, pattern, suppress
from synthstim.recipe import Controller, Item, Metamer, other_sites
from synthstim.verify import Aim, Measurer, in_z_scores


def aim_of(item: Item, observer: Observer) -> Aim:
    """What an item is meant to do; the name of a group of layers stands for all of them."""
    entry = item.entry
    if isinstance(entry, Metamer):
        layers = [name for layer in item.layers or () for name in observer.groups.get(layer, (layer,))]
        return Aim(goal="match", layers=tuple(dict.fromkeys(layers)))
    if entry.pattern is not None:
        units = tuple(_site(observer, site, STANDARDISED) for site in entry.pattern)
        return Aim(goal=entry.goal, units=units, pattern=tuple(map(float, entry.pattern.values())))
    return Aim(
        goal=entry.goal, unit=_unit(item, entry, observer), others=_others(item, entry, observer), level=item.level,
        zscore=entry.zscore,
    )  # fmt: skip


def _unit(item: Item, entry: Controller, observer: Observer) -> Unit:
    spec = entry.unit
    assert spec is not None
    if item.site is not None:
        return _site(observer, item.site)
    if item.channel is not None:
        return Unit(layer=spec.layer, channel=item.channel, position=spec.position)
    return Unit(layer=spec.layer, indices=spec.index_list)


def _others(item: Item, entry: Controller, observer: Observer) -> tuple[Unit, ...]:
    if item.site is not None and entry.goal == "one_hot":
        return tuple(_site(observer, site) for site in other_sites(entry, item.site, observer.sites))
    if (held := entry.others) is None:
        return ()
    channels = tuple(Unit(layer=held.layer, channel=channel, position=held.position) for channel in held.channels or ())
    return channels + tuple(Unit(layer=held.layer, indices=(index,)) for index in held.indices or ())


def _site(observer: Observer, site: str, layer: str = SITES) -> Unit:
    return Unit(layer=layer, channel=observer.sites.index(site), label=site)


def control_objective(entry: Controller, aims: Sequence[Aim], measurer: Measurer) -> Objective:
    """The objective of controllers of one entry's settings, one aim an item, without its penalties.

    Fitted sites are compared in z-scores of their measured responses, the layer ``sites_z``; units of the network in
    z-scores over the natural pool.
    """
    if entry.goal == "pattern":
        return pattern(aims[0].units, torch.tensor([aim.pattern for aim in aims]))
    units = [aim.unit for aim in aims if aim.unit is not None]
    if entry.goal == "one_hot":
        return _alone(entry, [[unit, *aim.others] for unit, aim in zip(units, aims, strict=True)], measurer)
    if entry.goal == "level":
        objective = level(units, [aim.level for aim in aims if aim.level is not None])
    else:
        objective = drive(units) if entry.goal == "drive" else suppress(units)
    if entry.caution:
        objective = objective + entry.caution * doubt([replace(unit, layer=SPREAD) for unit in units])
    return objective


def _alone(entry: Controller, sets: list[list[Unit]], measurer: Measurer) -> Objective:
    mean = std = None
    driven = [units[0] for units in sets]
    fitted = [in_z_scores(units) for units in sets]
    if entry.zscore and all(fitted):
        sets = [list(units or ()) for units in fitted]
    elif entry.zscore:
        # All at once: each new unit costs a pass through the pool.
        measurer.natural_activations([unit for units in sets for unit in units])
        mean, std = (
            torch.from_numpy(np.stack(part))
            for part in zip(*(measurer.standardisation(units) for units in sets), strict=True)
        )
    targets, others = [units[0] for units in sets], [units[1:] for units in sets]
    alone = one_hot(targets, others, temperature=entry.temperature, mean=mean, std=std)
    # A target is of the response as recorded, also where z-scores are compared.
    return alone if entry.target is None or targets == driven else alone.judged_by(drive(driven))
