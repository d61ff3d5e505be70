"""A modality: mixtures of odorants, a row of concentrations in a TSV file. What it does not say has a default."""

from dataclasses import dataclass
from typing import ClassVar

from synthstim.modalities.base import Modality, StimulusInput


@dataclass(frozen=True, kw_only=True)
class OdourInput(StimulusInput):
    kind: ClassVar[str] = "odour"
    count: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count,)


class Odour(Modality):
    name, article, verb, presents = "odour", "an", "given", "presents"
    natural, naturals = "odour of a thing", "odours of things"
    coding = "concentrations, relative to saturation"
    Input = OdourInput


MODALITY = Odour()
