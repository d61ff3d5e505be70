"""Controlling units: one of them up, down, to a level or alone, or a population to a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer, Unit
from synthstim.objectives.base import Activations, Objective, Scorer
from synthstim.objectives.reading import read_all, read_each


def drive(units: Unit | Sequence[Unit]) -> Objective:
    """Drive a unit; the score is its activation (Bashivan et al. 2019, stretch).

    Args:
        units: one unit for all items, or one for each.

    Example:
        >>> drive(Unit(layer="blocks.4", channel=42))
        drive(channel 42 at centre)
    """
    return Objective(lambda observer, items: read_each(observer, units, items), f"drive({_label(units)})")


def suppress(units: Unit | Sequence[Unit]) -> Objective:
    """Suppress a unit: the score is minus its activation.

    Example:
        >>> suppress(Unit(layer="blocks.4", channel=42))
        suppress(channel 42 at centre)
    """
    return Objective((-drive(units)).bind, f"suppress({_label(units)})")


def level(units: Unit | Sequence[Unit], value: float | Sequence[float]) -> Objective:
    """Bring a unit to an activation; the score is minus the distance from it, in the unit's activation.

    Args:
        units: one unit for all items, or one for each.
        value: the activation wanted, for all items or for each.

    Example:
        >>> level(Unit(layer="blocks.4", channel=42), 2.5)
        level(channel 42 at centre, 2.5)
    """

    def bind(observer: Observer, items: int) -> Scorer:
        read = read_each(observer, units, items)
        wanted = torch.as_tensor(value, dtype=observer.dtype, device=observer.device)
        if wanted.shape not in ((), (items,)) or not torch.isfinite(wanted).all():
            raise InputError(f"level {value} given for {items} items", "give one finite number for all or one for each")
        wanted = wanted.expand(items)

        def nearness(stimuli: Tensor, seen: Activations, held: tuple[Tensor, ...]) -> Tensor:
            return -(read.function(stimuli, seen, held[:-1]) - held[-1]).abs()

        return replace(read, function=nearness, aim=nearness, constants=(*read.constants, wanted))

    return Objective(bind, f"level({_label(units)}, {value})")


def one_hot(
    target: Unit | Sequence[Unit],
    others: Sequence[Unit] | Sequence[Sequence[Unit]],
    *,
    temperature: float = 1.0,
    others_weight: float = 1.0,
    mean: Tensor | None = None,
    std: Tensor | None = None,
) -> Objective:
    """Drive one unit while others stay down; the score is the log odds of the target's softmax share.

    The log odds have the same maximum as the share itself (Bashivan et al. 2019) and keep their gradient where the
    share is near 0 or 1. The share depends on the units of the activations, so they are to be z-scored: units of a network by
    their mean and deviation over natural images, given here; fitted sites by their measured responses, which the fit has
    done already in its layer ``sites_z``: give ``fit.unit(site, standardised=True)``, and no mean and std.

    Args:
        target, others: units of one observer; the target is not among the others. For targets of its own in each item,
            a target for each, and the others of each.
        temperature: of the softmax, in the units of the z-scores.
        others_weight: how much the others' part of the log odds counts, log sum exp of their z-scores. Above 1 holds them
            further down than the share alone asks for: of use where they answer more than is predicted, as fitted sites do.
        mean, std: (1 + others,) of each unit over natural images, target first, to z-score them; none by default. For
            targets of each item (batch, 1 + others), of as many others as the longest list has.

    Example:
        >>> target, *others = (Unit(layer="blocks.1", channel=channel) for channel in (3, 5, 8))
        >>> mean, std = standardisation(observer, images, [target, *others])
        >>> one_hot(target, others, mean=mean, std=std)
        one_hot(channel 3 at centre, 2 others)
    """
    if temperature <= 0:
        raise InputError(f"temperature {temperature} given; expected a positive number")
    if not others_weight > 0:
        raise InputError(f"others_weight {others_weight} given; expected a positive number")
    given = _sets_of(target, others)
    shared = isinstance(target, Unit)

    def bind(observer: Observer, items: int) -> Scorer:
        if not shared and len(given) != items:
            raise InputError(f"{len(given)} targets given for {items} items", "give one for all or one for each")
        sets = given * items if shared else given
        units = list(dict.fromkeys(unit for one in sets for unit in one))
        read_units, layers = read_all(observer, units)
        columns, present = _columns(sets, units)
        shift = torch.zeros(1) if mean is None else mean
        scale = torch.ones(1) if std is None else std
        shift, scale = (value.to(observer.device, observer.dtype).expand(columns.shape) for value in (shift, scale))

        def log_odds(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            columns, present, shift, scale = held
            z = (read_units(read).gather(1, columns) - shift) / scale / temperature
            others = z.masked_fill(~present, -torch.inf)[:, 1:].logsumexp(1)
            return z[:, 0] - others_weight * others

        def activation(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            return read_units(read).gather(1, held[0][:, :1])[:, 0]

        held = (columns.to(observer.device), present.to(observer.device), shift, scale)
        return Scorer(log_odds, layers, constants=held, aim=activation, controls=True)

    return Objective(bind, f"one_hot({_label(target)}, {len(given[0]) - 1} others)")


def pattern(units: Sequence[Unit], values: Sequence[float] | Tensor) -> Objective:
    """Bring a population to a pattern; the score is minus the root mean square distance of the units from the values.

    Args:
        units: of one observer, the same for all items. They should be on one scale: of fitted sites those of the layer
            ``sites_z`` (``fit.unit(site, standardised=True)``), which are in z-scores of the measured responses.
        values: (unit,) wanted of all items, or (batch, unit).

    Example:
        >>> pattern([Unit(layer="sites_z", channel=0), Unit(layer="sites_z", channel=3)], [1.5, -1.0])
        pattern(2 units)
    """
    if not units or len(set(units)) < len(units):
        raise InputError("a pattern needs one unit or more, each of them once")

    def bind(observer: Observer, items: int) -> Scorer:
        wanted = torch.as_tensor(values, dtype=observer.dtype, device=observer.device)
        if wanted.shape not in ((len(units),), (items, len(units))) or not torch.isfinite(wanted).all():
            raise InputError(
                f"a pattern of {tuple(wanted.shape)} values given for {len(units)} units", "give a finite one for each"
            )
        read_units, layers = read_all(observer, units)

        def nearness(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            # The square root of 0 has no slope: a pattern that is met would give NaN.
            return -(read_units(read) - held[0]).square().mean(1).clamp_min(1e-12).sqrt()

        held = (wanted.expand(items, len(units)),)
        return Scorer(nearness, layers, constants=held, aim=nearness, controls=True)

    return Objective(bind, f"pattern({len(units)} units)")


def _sets_of(
    target: Unit | Sequence[Unit], others: Sequence[Unit] | Sequence[Sequence[Unit]]
) -> list[tuple[Unit, ...]]:
    """The target and the others of each item, or of all items."""
    if isinstance(target, Unit):
        sets = [(target, *(unit for unit in others if isinstance(unit, Unit)))]
    else:
        lists = [tuple(one) for one in others if not isinstance(one, Unit)]
        if len(lists) != len(target):
            raise InputError(f"{len(lists)} lists of others given for {len(target)} targets", "give one for each")
        sets = [(one, *held) for one, held in zip(target, lists, strict=True)]
    if not sets or any(len(one) < 2 or one[0] in one[1:] for one in sets):
        raise InputError(
            "one_hot needs at least one other unit, and a target that is not among the others", code="unknown"
        )
    return sets


def _columns(sets: Sequence[Sequence[Unit]], units: Sequence[Unit]) -> tuple[Tensor, Tensor]:
    """Where each item's units stand among all (batch, 1 + others), and which of these places are filled."""
    place = {unit: number for number, unit in enumerate(units)}
    columns = torch.zeros(len(sets), max(map(len, sets)), dtype=torch.long)
    present = torch.zeros(columns.shape, dtype=torch.bool)
    for row, one in enumerate(sets):
        columns[row, : len(one)] = torch.tensor([place[unit] for unit in one])
        present[row, : len(one)] = True
    return columns, present


def _label(units: Unit | Sequence[Unit]) -> str:
    return units.name if isinstance(units, Unit) else f"{len(units)} units"
