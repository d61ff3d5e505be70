"""A constraint: the sum of a taste's concentrations; recipes say ``constraints: {dose: 3}``."""

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from torch import Tensor

from synthstim.constraints import Limit
from synthstim.recipe.fields import Section


class DoseOptions(Section):
    dose: float | None = Field(default=None, gt=0, le=1000)


@dataclass(frozen=True)
class Dose:
    most: float
    modality: ClassVar[str] = "taste"

    def check(self, shape: tuple[int, ...]) -> None:
        pass

    def project(self, stimuli: Tensor) -> Tensor:
        return stimuli * (self.most / stimuli.sum(1, keepdim=True).clamp_min(1e-9)).clamp_max(1)


CONSTRAINT = Limit(DoseOptions, lambda asked, input, recipe: Dose(asked.dose), "taste")
