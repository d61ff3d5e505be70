"""Units of a layer, ranked by what a task loses without each (Dobs, Martinez, Kell & Kanwisher 2022, doi:10.1126/sciadv.abl8913).

If those that one task needs most are others than those that another task needs most, the network has come to do the two apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from synthstim.errors import InputError
from synthstim.lesions.silenced import channel_count, silenced
from synthstim.lesions.task import Task
from synthstim.models import Observer

Watch = Callable[[int, int], None]
SHARE = 0.2


@dataclass(frozen=True)
class Ranking:
    """Channels of a layer by what a task loses without each.

    Attributes:
        layer: whose they are.
        loss: of the whole observer.
        increase: (channel,) of the loss, where that channel alone is silent.
    """

    layer: str
    loss: float
    increase: tuple[float, ...]

    @property
    def order(self) -> list[int]:
        """Numbers of channels, the one that is needed most first."""
        return sorted(range(len(self.increase)), key=lambda number: -self.increase[number])

    def top(self, share: float = SHARE) -> list[int]:
        """The share of channels, one at least, that is needed most."""
        return self.order[: max(1, round(share * len(self.increase)))]


def rank_units(observer: Observer, layer: str, task: Task, *, watch: Watch = lambda done, total: None) -> Ranking:
    """Rank the channels of a layer by how much the loss of a task grows where each alone is silent.

    Args:
        observer: any model with an output for each class of the task.
        layer: name of a layer whose channels are known.
        task: stimuli with labels.
        watch: called with (channels done, channels).

    Raises:
        InputError: the layer has no channels to silence, or the labels are no outputs of the observer.

    Example:
        >>> task = Task(images, torch.tensor([3, 7, 7, 1]), "blocks.2", range(8))
        >>> len(rank_units(observer, "blocks.1", task).increase) == observer.layers["blocks.1"][0]
        True
    """
    count, whole, increase = channel_count(observer, layer), task.done_by(observer).loss, []
    for number in range(count):
        with silenced(observer, {layer: [number]}):
            increase.append(task.done_by(observer).loss - whole)
        watch(number + 1, count)
    return Ranking(layer, whole, tuple(increase))


def lesion_table(
    observer: Observer,
    layers: Sequence[str],
    tasks: Mapping[str, Task],
    *,
    share: float = SHARE,
    watch: Watch = lambda done, total: None,
) -> tuple[pd.DataFrame, dict[tuple[str, str], Ranking]]:
    """What each task loses where the channels that each task needs most are silent, layer by layer.

    Channels are ranked on one half of each task's stimuli; what is lost is measured on the other.

    Args:
        observer: does all tasks.
        layers: one after the other, each lesioned by itself.
        tasks: by name.
        share: of each layer's channels that is silent.
        watch: called with (rankings done, rankings).

    Returns:
        A table with the columns layer, ranked_by, channels (how many are silent), task, loss, accuracy, whole_loss, whole_accuracy;
        and the rankings, by layer and task.

    Raises:
        InputError: the share is none, or what ``rank_units`` raises.

    Example:
        >>> task = Task(images, torch.tensor([0, 0, 1, 1]))
        >>> table, rankings = lesion_table(observer, ["blocks.1"], {"cats": task}, share=0.25)
        >>> table[["layer", "ranked_by", "task"]].to_dict("records")
        [{'layer': 'blocks.1', 'ranked_by': 'cats', 'task': 'cats'}]
    """
    if not 0 < share < 1:
        raise InputError(f"a share of {share:g} given; expected more than 0 and less than 1")
    if not layers or len(set(layers)) < len(layers):
        raise InputError(f"the layers {', '.join(layers) or 'of no name'} given; expected one or more, each once")
    for layer in layers:
        if round(share * (count := channel_count(observer, layer))) >= count:
            raise InputError(f"a share of {share:g} silences all {count} channels of {layer}", "give a smaller one")
    if small := [name for name, task in tasks.items() if len(task.stimuli) < 2]:
        raise InputError(f"the task {small[0]!r} has one stimulus; expected two or more", code="too-few")
    whole = {name: task.half(1).done_by(observer) for name, task in tasks.items()}
    rankings: dict[tuple[str, str], Ranking] = {}
    rows = []
    for layer in layers:
        for name, task in tasks.items():
            rankings[layer, name] = rank_units(observer, layer, task.half(0))
            watch(len(rankings), len(layers) * len(tasks))
            silent = rankings[layer, name].top(share)
            with silenced(observer, {layer: silent}):
                for other, measured in tasks.items():
                    loss, accuracy = measured.half(1).done_by(observer)
                    rows.append((layer, name, len(silent), other, loss, accuracy, *whole[other]))
    columns = ["layer", "ranked_by", "channels", "task", "loss", "accuracy", "whole_loss", "whole_accuracy"]
    return pd.DataFrame(rows, columns=columns), rankings
