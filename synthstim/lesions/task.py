"""A task: labelled stimuli, and the outputs of an observer among which the right one is to be the largest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from synthstim.errors import InputError
from synthstim.models import Observer


class Done(NamedTuple):
    """How an observer does a task: mean cross entropy, and the share that is right."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Task:
    """Labelled stimuli for one observer.

    Attributes:
        stimuli: (stimulus, *shape), as the observer is given them.
        labels: (stimulus,) whole numbers of outputs, from 0.
        output: the layer whose values are the classes' scores.
        classes: numbers of the outputs that compete, as where a network has two tasks; None for all.

    Raises:
        InputError: there are not as many labels as stimuli, or a label is none of the classes.
    """

    stimuli: Tensor
    labels: Tensor
    output: str = "output"
    classes: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if not len(self.stimuli) or len(self.stimuli) != len(self.labels):
            raise InputError(
                f"{len(self.stimuli)} stimuli and {len(self.labels)} labels given; expected as many of each",
                code="mismatch",
            )
        if self.classes is not None and (other := sorted({*self.labels.tolist()} - {*self.classes})):
            raise InputError(f"the label {other[0]} is not one of the task's classes", code="mismatch", value=other[0])

    def half(self, which: int) -> Task:
        """Every second stimulus of each label, from the first or from the second: one half to rank by, the other to measure on."""
        chosen = self.labels.argsort(stable=True)[which::2].sort().values
        return Task(self.stimuli[chosen], self.labels[chosen], self.output, self.classes)

    def done_by(self, observer: Observer, *, at_once: int = 256) -> Done:
        """How an observer does it.

        Raises:
            InputError: a label or a class is no number of an output.
        """
        scores = []
        with torch.no_grad():
            for part in self.stimuli.split(at_once):
                read = observer.activations(part.to(observer.device, observer.dtype), [self.output])
                scores.append(read[self.output].flatten(1))
        values = torch.cat(scores)
        classes = list(range(values.shape[1])) if self.classes is None else list(self.classes)
        if not 0 <= min((*classes, *self.labels.tolist())) <= max((*classes, *self.labels.tolist())) < values.shape[1]:
            raise InputError(
                f"{self.output} of {observer.name} has {values.shape[1]} values; expected labels from 0 to {values.shape[1] - 1}",
                "number the classes as the outputs are",
                code="mismatch",
            )
        right = torch.tensor([classes.index(label) for label in self.labels.tolist()], device=values.device)
        among = values[:, classes]
        loss, correct = cross_entropy(among.double(), right), (among.argmax(1) == right).double().mean()
        return Done(float(loss), float(correct))
