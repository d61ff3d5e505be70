"""What a stimulus should do to an observer: one score per item, higher is better.

An objective is a recipe; ``bind`` gives it an observer and a number of items and returns the ``Scorer`` that the
optimiser calls. Objectives compose: ``drive(a) - drive(b)``, ``match(image, [layer]) + 0.1 * smooth()``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer, Unit, gather_table, read_units

Activations = Mapping[str, Tensor]
ScoreFunction = Callable[[Tensor, Activations, tuple[Tensor, ...]], Tensor]
Bind = Callable[[Observer, int], "Scorer"]


@dataclass(frozen=True)
class Scorer:
    """An objective bound to an observer and to the items of a batch.

    Attributes:
        function: (stimuli, activations, constants) -> (batch,) scores.
        layers: what must be read.
        through: layers read through their rectifier (see ``read_layers``).
        constants: per-item tensors, (batch, ...): targets, indices; they follow the items that remain.
        decibels: whether the score is a match in dB, so that 10 ** (-score / 10) is a squared error.
        coupled: whether items look at one another (copies that should differ).
    """

    function: ScoreFunction
    layers: tuple[str, ...] = ()
    through: tuple[str, ...] = ()
    constants: tuple[Tensor, ...] = ()
    decibels: bool = False
    coupled: bool = False

    def __call__(self, stimuli: Tensor, activations: Activations) -> Tensor:
        """Scores (batch,) of stimuli and what the observer made of them."""
        return self.function(stimuli, activations, self.constants)

    def select(self, items: Tensor | slice) -> Scorer:
        """The scorer of some of the items."""
        return replace(self, constants=tuple(constant[items] for constant in self.constants))


class Objective:
    """Something to maximise, composable with ``+``, ``-`` and ``*``.

    Args:
        bind: (observer, items) -> Scorer; raises InputError for what the observer lacks.
        label: how it prints.
    """

    def __init__(self, bind: Bind, label: str) -> None:
        self.bind = bind
        self.label = label

    def __repr__(self) -> str:
        return self.label

    def __add__(self, other: Objective) -> Objective:
        if not isinstance(other, Objective):
            raise InputError(f"only an objective can be added to {self}, {other!r} came")

        def bind(observer: Observer, items: int) -> Scorer:
            one, two = self.bind(observer, items), other.bind(observer, items)
            split = len(one.constants)
            return Scorer(
                lambda stimuli, read, held: (
                    one.function(stimuli, read, held[:split]) + two.function(stimuli, read, held[split:])
                ),
                tuple(dict.fromkeys((*one.layers, *two.layers))),
                tuple(dict.fromkeys((*one.through, *two.through))),
                (*one.constants, *two.constants),
                coupled=one.coupled or two.coupled,
            )

        return Objective(bind, f"{self} + {other}")

    def __mul__(self, factor: float) -> Objective:
        if not isinstance(factor, int | float) or not math.isfinite(factor):
            raise InputError(f"an objective is multiplied by a finite number, {factor!r} came")

        def bind(observer: Observer, items: int) -> Scorer:
            one = self.bind(observer, items)
            scaled = replace(
                one, function=lambda *given: factor * one.function(*given), decibels=one.decibels and factor == 1
            )
            return scaled

        return Objective(bind, f"{factor:g} * ({self})")

    __rmul__ = __mul__

    def __neg__(self) -> Objective:
        return self * -1

    def __sub__(self, other: Objective) -> Objective:
        return self + -other


def drive(units: Unit | Sequence[Unit]) -> Objective:
    """Drive a unit; the score is its activation (Bashivan et al. 2019, stretch).

    Args:
        units: one unit for all items, or one for each.

    Example:
        >>> drive(Unit(layer="blocks.4", channel=42))
        drive(channel 42 at centre)
    """
    return Objective(lambda observer, items: _read_each(observer, units, items), f"drive({_label(units)})")


def suppress(units: Unit | Sequence[Unit]) -> Objective:
    """Suppress a unit: the score is minus its activation."""
    return Objective((-drive(units)).bind, f"suppress({_label(units)})")


def level(units: Unit | Sequence[Unit], value: float | Sequence[float]) -> Objective:
    """Bring a unit to an activation; the score is minus the distance from it, in the unit's activation.

    Args:
        units: one unit for all items, or one for each.
        value: the activation wanted, for all items or for each.
    """

    def bind(observer: Observer, items: int) -> Scorer:
        read = _read_each(observer, units, items)
        wanted = torch.as_tensor(value, dtype=observer.dtype, device=observer.device)
        if wanted.shape not in ((), (items,)) or not torch.isfinite(wanted).all():
            raise InputError(f"level {value} came for {items} items: give one finite number for all or one for each")
        wanted = wanted.expand(items)
        return replace(
            read,
            function=lambda stimuli, seen, held: -(read.function(stimuli, seen, held[:-1]) - held[-1]).abs(),
            constants=(*read.constants, wanted),
        )

    return Objective(bind, f"level({_label(units)}, {value})")


def one_hot(
    target: Unit,
    others: Sequence[Unit],
    *,
    temperature: float = 1.0,
    mean: Tensor | None = None,
    std: Tensor | None = None,
) -> Objective:
    """Drive one unit while others stay down; the score is the logarithm of the target's softmax share.

    The logarithm has the same maximum as the share itself (Bashivan et al. 2019) and keeps its gradient where the
    share is small.

    Args:
        target, others: units of one observer; the target is not among the others.
        temperature: of the softmax, in the units of the z-scores.
        mean, std: (1 + others,) of each unit over natural images, target first, to z-score them; none by default.
    """
    if temperature <= 0:
        raise InputError(f"temperature {temperature} came, a positive number was wanted")
    if not others or target in others:
        raise InputError("one_hot wants at least one other unit, and a target that is not among the others")
    units = [target, *others]

    def bind(observer: Observer, items: int) -> Scorer:
        readers = [_read_each(observer, unit, items) for unit in units]
        sizes = [len(reader.constants) for reader in readers]
        shift = torch.zeros(len(units)) if mean is None else mean
        scale = torch.ones(len(units)) if std is None else std
        shift, scale = (value.to(observer.device, observer.dtype) for value in (shift, scale))

        def share(stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            columns, at = [], 0
            for reader, size in zip(readers, sizes, strict=True):
                columns.append(reader.function(stimuli, read, held[at : at + size]))
                at += size
            z = (torch.stack(columns, 1) - shift) / scale / temperature
            return z[:, 0] - z.logsumexp(1)

        layers = tuple(dict.fromkeys(layer for reader in readers for layer in reader.layers))
        return Scorer(share, layers, constants=tuple(constant for reader in readers for constant in reader.constants))

    return Objective(bind, f"one_hot({target.name}, {len(others)} others)")


def match(
    references: Tensor,
    layers: Sequence[str],
    *,
    metric: str = "l2",
    joined: str = "mean",
    through_rectifiers: bool = True,
) -> Objective:
    """Make the observer unable to tell a stimulus from its reference: a metamer (Feather et al. 2019, 2023).

    The score is the match in dB, -20 log10(|features - reference features| / |reference features|), joined over the
    layers; or the Pearson correlation.

    Args:
        references: (1 or batch, channel, y, x) display values in [0, 1].
        layers: matched jointly.
        metric: ``l2`` for dB, or ``pearson``.
        joined: of several layers in dB, ``mean`` is that of the mean squared ratio. ``worst`` is that of the 4-norm of the
            squared ratios: no layer is matched less well than the score says, and the worst of n at most 2.5 log10(n)
            better, so that a target holds for all.
        through_rectifiers: whether a matched rectifier passes gradients on unchanged, as the authors did.
    """
    if metric not in ("l2", "pearson"):
        raise InputError(f"metric {metric!r} is unknown: choose l2 or pearson")
    if joined not in ("mean", "worst"):
        raise InputError(f"layers joined by {joined!r} are unknown: choose mean or worst")
    if not layers:
        raise InputError("a metamer needs at least one layer to match")
    layers = tuple(dict.fromkeys(layers))

    def bind(observer: Observer, items: int) -> Scorer:
        if references.shape[0] not in (1, items):
            raise InputError(
                f"{references.shape[0]} references came for {items} items: give one for all or one for each"
            )
        with torch.no_grad():
            features = observer.activations(references.to(observer.device, observer.dtype), layers)
        targets = [features[layer].expand(items, *features[layer].shape[1:]) for layer in layers]
        if metric == "pearson":
            targets = [_standardised(target) for target in targets]
        powers = torch.stack([target.flatten(1).square().sum(1) for target in targets], 1)
        if (powers <= 0).any():
            raise InputError(
                f"the reference evokes no activity in {layers[int((powers <= 0).any(0).int().argmax())]}: choose another layer"
            )

        def decibels(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            errors = [(read[layer] - held[at]).flatten(1).square().sum(1) for at, layer in enumerate(layers)]
            ratios = torch.stack(errors, 1) / held[-1]
            ratio = ratios.mean(1) if joined == "mean" else _fourth_norm(ratios)
            return -10 * torch.log10(ratio.clamp_min(torch.finfo(ratio.dtype).tiny))

        def correlation(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            return torch.stack(
                [(_standardised(read[layer]) * held[at]).flatten(1).sum(1) for at, layer in enumerate(layers)]
            ).mean(0)

        function = decibels if metric == "l2" else correlation
        return Scorer(
            function, layers, layers if through_rectifiers else (), (*targets, powers), decibels=metric == "l2"
        )

    return Objective(bind, f"match({' + '.join(layers)})")


def diversity(layer: str, groups: Sequence[int]) -> Objective:
    """Keep copies apart: minus the mean cosine similarity of a copy's activations with the other copies of its group.

    Args:
        layer: where copies are compared.
        groups: group number of each item.
    """

    def bind(observer: Observer, items: int) -> Scorer:
        observer.require([layer])
        if len(groups) != items:
            raise InputError(f"{len(groups)} group numbers came for {items} items: give one for each")
        numbers = torch.as_tensor(groups, device=observer.device)

        def apart(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            unit = torch.nn.functional.normalize(read[layer].flatten(1), dim=1)
            same = (held[0][:, None] == held[0][None]).to(unit.dtype).fill_diagonal_(0)
            # The others are constants to each item, so that each item's score has its own gradient.
            return -((unit @ unit.detach().T) * same).sum(1) / same.sum(1).clamp_min(1)

        return Scorer(apart, (layer,), constants=(numbers,), coupled=True)

    return Objective(bind, f"diversity({layer})")


def smooth() -> Objective:
    """Minus the total variation: the mean absolute difference of neighbouring pixels, in display values.

    Raises:
        InputError: when bound to an observer of sounds, which have no such thing; limit their band instead.
    """

    def variation(stimuli: Tensor, _read: Activations, _held: tuple[Tensor, ...]) -> Tensor:
        down = (stimuli[..., 1:, :] - stimuli[..., :-1, :]).abs().mean((1, 2, 3))
        across = (stimuli[..., :, 1:] - stimuli[..., :, :-1]).abs().mean((1, 2, 3))
        return -(down + across)

    def bind(observer: Observer, _items: int) -> Scorer:
        if observer.input.modality != "image":
            raise InputError(
                f"smooth() is of neighbouring pixels, {observer.name} is played sounds: limit their band with Band"
            )
        return Scorer(variation)

    return Objective(bind, "smooth()")


def standardisation(observer: Observer, pool: Tensor, units: Sequence[Unit]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (unit,) of units over natural images (image, channel, y, x), for ``one_hot``."""
    values = read_units(observer, pool, units)
    return values.mean(0), values.std(0).clamp_min(1e-6)


def _read_each(observer: Observer, units: Unit | Sequence[Unit], items: int) -> Scorer:
    each = [units] * items if isinstance(units, Unit) else list(units)
    if len(each) != items:
        raise InputError(f"{len(each)} units came for {items} items: give one for all or one for each")
    layers = {unit.layer for unit in each}
    if any(unit.reader is not each[0].reader for unit in each):
        raise InputError("a unit that is a function is read in a batch of its own: run it apart")
    if len(layers) > 1:
        raise InputError(f"the items of one batch read one layer, {' and '.join(sorted(layers))} came: run them apart")
    (layer,) = layers
    observer.require([layer])
    if each[0].reader is not None:
        unit = each[0]
        return Scorer(lambda _stimuli, read, _held: unit.read_by_function(read[layer]), (layer,))
    indices, weights = gather_table(each, observer.layers[layer], channel_axis=observer.input.channel_axis)
    constants = (indices.to(observer.device), weights.to(observer.device, observer.dtype))
    return Scorer(
        lambda _stimuli, read, held: (read[layer].flatten(1).gather(1, held[0]) * held[1]).sum(1),
        (layer,),
        constants=constants,
    )


def _fourth_norm(ratios: Tensor) -> Tensor:
    """4-norm of each row; scaled first, as the fourth power of a small ratio would leave single precision."""
    largest = ratios.detach().amax(1, keepdim=True).clamp_min(torch.finfo(ratios.dtype).tiny)
    return largest[:, 0] * (ratios / largest).norm(p=4, dim=1)


def _standardised(values: Tensor) -> Tensor:
    flat = values.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    return (centred / centred.norm(dim=1, keepdim=True).clamp_min(1e-12)).view_as(values)


def _label(units: Unit | Sequence[Unit]) -> str:
    return units.name if isinstance(units, Unit) else f"{len(units)} units"
