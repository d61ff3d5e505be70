"""Which frequencies sounds hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import BeforeValidator, Field
from torch import Tensor

from synthstim.constraints.base import Limit
from synthstim.errors import InputError
from synthstim.modalities.sound import highest_hz
from synthstim.models import SoundInput
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import Section


def _band(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Frequency = Annotated[float, Field(ge=0, le=1_000_000)]
Edges = Annotated[
    tuple[Frequency, Frequency], BeforeValidator(_band), Expected("two frequencies in Hz, such as [200, 4000]")
]


class BandOptions(Section):
    """Which frequencies a sound holds.

    Attributes:
        band_hz: the lowest and the highest.
    """

    band_hz: Edges | None = None


@dataclass(frozen=True, kw_only=True)
class Band:
    """Frequencies that the sound may hold, in Hz; what lies outside is taken out.

    Attributes:
        low, high: edges in Hz.
        rate: of the stimuli, in Hz.
    """

    low: float
    high: float
    rate: int
    modality: ClassVar[str] = "sound"

    def check(self, shape: tuple[int, ...]) -> None:
        """The band must hold a frequency of the spectrum."""
        if not 0 <= self.low < self.high <= self.rate / 2:
            raise InputError(
                f"a band of {self.low:g} to {self.high:g} Hz given; expected rising frequencies from 0 to {self.rate / 2:g} Hz"
            )
        if not bool(self._inside(shape[-1]).any()):
            raise InputError(
                f"no frequency of a sound of {shape[-1] / self.rate:g} s lies in {self.low:g} to {self.high:g} Hz"
            )

    def project(self, sounds: Tensor) -> Tensor:
        """Keep the band of the spectrum."""
        inside = self._inside(sounds.shape[-1]).to(sounds.device)
        return torch.fft.irfft(torch.fft.rfft(sounds) * inside, n=sounds.shape[-1])

    def _inside(self, samples: int) -> Tensor:
        frequency = torch.fft.rfftfreq(samples, 1 / self.rate)
        return (frequency >= self.low) & (frequency <= self.high)


def _make(asked: BandOptions, input: SoundInput, recipe: object) -> Band | None:
    if asked.band_hz is None:
        return None
    low, high = asked.band_hz
    if low >= (highest := highest_hz(input.network_rate, input.rate)):
        raise InputError(f"band_hz from {low:g} Hz given; sounds for this model hold up to {highest:g} Hz", "lower it")
    return Band(low=low, high=high, rate=input.rate)


CONSTRAINT = Limit(BandOptions, _make, "sound", order=10)
