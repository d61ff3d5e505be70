"""What every modality has: an input that an observer is given, and an object that knows how its stimuli are handled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

Preparation = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class StimulusInput:
    """What an observer is given, and how it preprocesses; each modality has a frozen dataclass of its own.

    Attributes:
        modality: name of the modality.
        verb: what an observer is, as in "shown".
        axes: of one stimulus.
        remedy: what to do with a stimulus of another shape.
        rest: the value at which a stimulus is empty.
        places: what the two contrasts of ``halves`` change.
        aspect: height over width of what has them.
    """

    modality: ClassVar[str]
    verb: ClassVar[str] = "given"
    axes: ClassVar[str] = "value"
    remedy: ClassVar[str] = "give as many values"
    rest: ClassVar[float] = 0.0
    places: ClassVar[tuple[str, str]] = ("y", "x")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one stimulus."""
        raise NotImplementedError

    @property
    def words(self) -> str:
        """The shape in words."""
        return " x ".join(map(str, self.shape))

    @property
    def aspect(self) -> float:
        """Height over width; 1 where there are none."""
        return 1.0

    def halves(self) -> Tensor:
        """(5, *shape): noise; with its first, its last half replaced by another's, along each of two contrasts."""
        one, other = torch.rand((2, *self.shape), generator=torch.Generator().manual_seed(0))
        early = torch.arange(self.shape[-1]) < self.shape[-1] / 2
        return torch.stack([one, *(torch.where(half, other, one) for half in (early, ~early, early, ~early))])

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from stimuli (batch, *shape) to what the network takes, a tensor of its own; by default a copy."""
        return lambda stimuli: stimuli.clone()
