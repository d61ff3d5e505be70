"""How far images are from mid-grey, in display values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from synthstim.constraints.base import GREY, Limit
from synthstim.errors import InputError
from synthstim.recipe.fields import Section


class EnergyOptions(Section):
    """How far an image is from grey.

    Attributes:
        energy: the largest root-mean-square deviation from mid-grey, in display values.
    """

    energy: float | None = Field(default=None, gt=0, le=0.5)


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Root-mean-square deviation from mid-grey, in display values, held at or below ``most``."""

    most: float
    modality: ClassVar[str] = "image"

    def check(self, shape: tuple[int, ...]) -> None:
        """No display value is further than 0.5 from mid-grey."""
        if not 0 < self.most <= 0.5:
            raise InputError(
                f"energy {self.most:g} given; expected an RMS deviation from mid-grey above 0, at most 0.5"
            )

    def project(self, images: Tensor) -> Tensor:
        """Scale towards mid-grey where the deviation is too large."""
        deviation = images - GREY
        size = deviation.square().mean((1, 2, 3), keepdim=True).clamp_min(1e-12).sqrt()
        return GREY + deviation * (self.most / size).clamp_max(1)


def _make(asked: EnergyOptions, input: object, recipe: object) -> Energy | None:
    return None if asked.energy is None else Energy(most=asked.energy)


CONSTRAINT = Limit(EnergyOptions, _make, "image", order=10)
