"""What an observer is given, whatever the modality."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from synthstim.modalities import MODALITIES

if TYPE_CHECKING:
    from synthstim.modalities.base import Modality

Preparation = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class StimulusInput:
    """What an observer is given, and how it preprocesses; each modality has a frozen dataclass of its own.

    Attributes:
        kind: name of the modality.
        axes: of one stimulus.
        remedy: what to do with a stimulus of another shape.
        rest: the value at which a stimulus is empty.
        places: what the two contrasts of ``halves`` change.
    """

    kind: ClassVar[str]
    axes: ClassVar[str] = "value"
    remedy: ClassVar[str] = "give as many values"
    rest: ClassVar[float] = 0.0
    places: ClassVar[tuple[str, str]] = ("y", "x")

    @property
    def modality(self) -> Modality:
        """How stimuli of this kind are handled."""
        return MODALITIES[self.kind]

    @property
    def verb(self) -> str:
        """What an observer is, as in "shown"."""
        return self.modality.verb

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

    @property
    def asked(self) -> dict[str, Any]:
        """What ``load_model`` is asked for to get this input."""
        return {}

    @property
    def unprocessed(self) -> StimulusInput:
        """The input of an observer that is given the same stimuli and passes them on unchanged."""
        return self

    def given(self, shape: tuple[int, ...]) -> StimulusInput:
        """The input that brings stimuli of another shape to what the network takes, where there is one; else this."""
        return self

    def require_filed(self, name: str) -> None:
        """Raise InputError unless files can hold the stimuli of the observer of this name."""

    def halves(self) -> Tensor:
        """(5, *shape): noise; with its first, its last half replaced by another's, along each of two contrasts."""
        one, other = torch.rand((2, *self.shape), generator=torch.Generator().manual_seed(0))
        early = torch.arange(self.shape[-1]) < self.shape[-1] / 2
        return torch.stack([one, *(torch.where(half, other, one) for half in (early, ~early, early, ~early))])

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from stimuli (batch, *shape) to what the network takes, a tensor of its own; by default a copy."""
        return lambda stimuli: stimuli.clone()
