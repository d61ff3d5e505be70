"""Two models of the same stimulus apart: one is held where it is, the other moved as far as it goes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.objectives.base import Activations, Objective, Scorer
from synthstim.objectives.matching import match

# Per squared dB: what is held ends within a twentieth of a dB where the other could gain a dB for each of its own.
STIFFNESS = 10.0


def differentiate(
    references: Tensor, hold: Sequence[str], move: Sequence[str], at_db: float, closer: Sequence[bool]
) -> Objective:
    """Maximum differentiation: move the match of some layers while that of others is held (Wang & Simoncelli 2008).

    The score is the match in dB of the layers that are moved, or minus it, less a penalty on what the others' is off. The
    authors project each step onto the level set of the model that is held instead; the penalty ends as near, by any optimiser.

    Args:
        references: (1 or batch, *shape).
        hold, move: layers, each matched jointly; of several observers as one, of which one is held and one moved.
        at_db: the match at which ``hold`` is kept.
        closer: for each item whether ``move`` goes closer to the reference, or farther from it.

    Example:
        >>> differentiate(images[:1], ["blocks.0"], ["blocks.3"], at_db=20, closer=[True, False])
        differentiate(blocks.3, holding blocks.0 at 20 dB)
    """
    if set(hold) & set(move):
        raise InputError(f"{sorted(set(hold) & set(move))[0]} is to be held and moved", "name it once", code="mismatch")

    def bind(observer: Observer, items: int) -> Scorer:
        if len(closer) != items:
            raise InputError(f"directions of {len(closer)} items given for {items}", "give one for each")
        kept, moved = (match(references, layers).bind(observer, items) for layers in (hold, move))
        signs = torch.where(torch.tensor(list(closer)), 1.0, -1.0).to(observer.device, observer.dtype)
        split = len(kept.constants)

        def score(stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
            off = kept.function(stimuli, read, held[:split]) - at_db
            return held[-1] * moved.function(stimuli, read, held[split:-1]) - STIFFNESS * off.square()

        layers = tuple(dict.fromkeys((*kept.layers, *moved.layers)))
        return Scorer(score, layers, layers, (*kept.constants, *moved.constants, signs))

    return Objective(bind, f"differentiate({' + '.join(move)}, holding {' + '.join(hold)} at {at_db:g} dB)")
