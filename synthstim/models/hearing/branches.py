"""What a network with a branch for each task takes a sound for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from synthstim.models.observer import Observer


def decide_by_branch(
    observer: Observer, stimuli: Tensor, layers: Sequence[str], *, labels: Mapping[str, Sequence[Hashable]]
) -> list[Hashable]:
    """The decision of each branch that the layers belong to, a tuple where there are several.

    Args:
        observer: whose module has the submodules ``TASK.logits``.
        stimuli: (batch, time) as played.
        layers: what is being matched; layers before the branches serve all of them, and no layers ask for all.
        labels: task -> the label of each of its logits.
    """
    served = [task for task in labels if any(layer.startswith(f"{task}.") for layer in layers)]
    shared = [layer for layer in layers if layer.partition(".")[0] not in labels]
    asked = list(labels) if shared or not served else served
    read = observer.activations(stimuli, [f"{task}.logits" for task in asked])
    best = [[labels[task][number] for number in read[f"{task}.logits"].argmax(1).tolist()] for task in asked]
    return [one[0] if len(one) == 1 else one for one in zip(*best, strict=True)]
