"""What is wanted of stimuli beside their goal: copies that differ, smooth images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer, Unit
from synthstim.objectives.base import Activations, Objective, Scorer
from synthstim.objectives.reading import read_each


def diversity(layer: str, groups: Sequence[int]) -> Objective:
    """Keep copies apart: minus the mean cosine similarity of a copy's activations with the other copies of its group.

    Args:
        layer: where copies are compared.
        groups: group number of each item.

    Example:
        >>> drive(Unit(layer="blocks.4", channel=42)) + 0.1 * diversity("blocks.4", groups=[0, 0, 1, 1])
        drive(channel 42 at centre) + 0.1 * (diversity(blocks.4))
    """

    def bind(observer: Observer, items: int) -> Scorer:
        observer.require([layer])
        if len(groups) != items:
            raise InputError(f"{len(groups)} group numbers given for {items} items", "give one for each")
        numbers = torch.as_tensor(groups, device=observer.device)

        def apart(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            unit = torch.nn.functional.normalize(read[layer].flatten(1), dim=1)
            same = (held[0][:, None] == held[0][None]).to(unit.dtype).fill_diagonal_(0)
            # The others are constants to each item, so that each item's score has its own gradient.
            return -((unit @ unit.detach().T) * same).sum(1) / same.sum(1).clamp_min(1)

        return Scorer(apart, (layer,), constants=(numbers,), coupled=True)

    return Objective(bind, f"diversity({layer})")


def doubt(units: Unit | Sequence[Unit]) -> Objective:
    """Minus what units of a layer of deviations say: by how much the members of an ensemble differ on the controlled ones.

    Args:
        units: one unit for all items, or one for each.
    """

    def bind(observer: Observer, items: int) -> Scorer:
        read = read_each(observer, units, items)
        return replace(read, function=lambda *given: -read.function(*given), aim=None, controls=False)

    return Objective(bind, "doubt()")


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
        if "total_variation" not in observer.input.modality.settings:
            raise InputError(
                f"smooth() is of neighbouring pixels, {observer.name} {observer.input.modality.is_given}: limit their band with Band"
            )
        return Scorer(variation)

    return Objective(bind, "smooth()")
