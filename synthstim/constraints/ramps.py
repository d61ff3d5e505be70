"""How sounds begin and end: without a click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from synthstim.constraints.base import Limit
from synthstim.errors import InputError
from synthstim.models import SoundInput
from synthstim.recipe.fields import Section


class RampsOptions(Section):
    """How a sound begins and ends.

    Attributes:
        ramp_ms: raised-cosine onset and offset, in ms.
    """

    ramp_ms: float | None = Field(default=None, gt=0, le=10_000)


@dataclass(frozen=True, kw_only=True)
class Ramps:
    """Onset and offset under a raised cosine, so that a sound does not start or end with a click.

    A sound that is multiplied by a ramp again and again would get a steeper one, so each sound is cut to the ramp that
    rises to its own peak, which every sound multiplied by the ramp respects.

    Attributes:
        seconds: length of each ramp.
        rate: of the stimuli, in Hz.
    """

    seconds: float
    rate: int
    modality: ClassVar[str] = "sound"

    def check(self, shape: tuple[int, ...]) -> None:
        """Half of the sound must be left between the ramps: its peak is taken there."""
        if not 1 <= self._count <= shape[-1] / 4:
            raise InputError(
                f"ramps of {self.seconds:g} s given for a sound of {shape[-1] / self.rate:g} s; "
                f"expected at most {shape[-1] / self.rate / 4:g} s, a quarter of it"
            )

    def project(self, sounds: Tensor) -> Tensor:
        """Cut the ends to the ramp; what is between stays as it is."""
        count = self._count
        steps = torch.arange(count, device=sounds.device, dtype=sounds.dtype)
        rise = 0.5 - 0.5 * torch.cos(torch.pi * steps / count)
        bound = torch.ones_like(sounds[0])
        bound[:count], bound[-count:] = rise, rise.flip(0)
        bound = bound * sounds[:, count:-count].abs().amax(-1, keepdim=True)
        return torch.minimum(torch.maximum(sounds, -bound), bound)

    @property
    def _count(self) -> int:
        return round(self.seconds * self.rate)


def _make(asked: RampsOptions, input: SoundInput, recipe: object) -> Ramps | None:
    return None if asked.ramp_ms is None else Ramps(seconds=asked.ramp_ms / 1000, rate=input.rate)


CONSTRAINT = Limit(RampsOptions, _make, "sound", order=20)
