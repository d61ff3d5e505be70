"""A modality: mixtures of tastants, a row of concentrations in a TSV file. What it does not say has a default."""

from dataclasses import dataclass
from typing import ClassVar

from synthstim.modalities.base import Modality, StimulusInput


@dataclass(frozen=True, kw_only=True)
class TasteInput(StimulusInput):
    kind: ClassVar[str] = "taste"
    count: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.count,)


class Taste(Modality):
    name, verb, presents = "taste", "given", "presents"
    natural, naturals = "taste of a thing", "tastes of things"
    coding = "concentrations, relative to saturation"
    Input = TasteInput


MODALITY = Taste()
