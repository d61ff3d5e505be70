"""How far sounds swing, re full scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field
from torch import Tensor
from torch.nn.functional import avg_pool1d, max_pool1d

from synthstim.constraints.base import SILENCE, Limit
from synthstim.errors import InputError
from synthstim.recipe.fields import Section

# Samples before and after a peak of which the gain is turned down.
_REACH = 16


class PeakOptions(Section):
    """How far a sound swings.

    Attributes:
        peak_dbfs: the largest absolute value, in dB re full scale.
    """

    peak_dbfs: float = Field(default=0.0, ge=-120, le=0)


@dataclass(frozen=True, kw_only=True)
class Peak:
    """Largest absolute value of the waveform, at or below ``most_dbfs``.

    What is beyond is made quieter for about a millisecond around, as a limiter does that looks ahead: a peak that is cut
    off would be heard, and matched, as a sound of its own.
    """

    most_dbfs: float = -0.1
    modality: ClassVar[str] = "sound"

    def check(self, shape: tuple[int, ...]) -> None:
        """Full scale is 0 dB."""
        if not -120 <= self.most_dbfs <= 0:
            raise InputError(f"a peak of {self.most_dbfs:g} dBFS given; expected -120 to 0")

    def project(self, sounds: Tensor) -> Tensor:
        """Turn the gain down around peaks; a sound without such peaks stays as it is."""
        most = 10 ** (self.most_dbfs / 20)
        if bool((sounds.abs() <= most).all()):
            return sounds
        # A little below, so that rounding does not exceed it.
        gain = (most * (1 - 1e-6) / sounds.abs().clamp_min(SILENCE)).clamp_max(1)
        # Each gain is a mean of gains that its neighbourhood allows, so none is larger than its own sample allows.
        least = -max_pool1d(-gain[:, None], 2 * _REACH + 1, stride=1, padding=_REACH)
        mean = avg_pool1d(least, 2 * _REACH + 1, stride=1, padding=_REACH, count_include_pad=False)
        return sounds * mean[:, 0]


def _make(asked: PeakOptions, input: object, recipe: object) -> Peak:
    return Peak(most_dbfs=asked.peak_dbfs)


CONSTRAINT = Limit(PeakOptions, _make, "sound", order=40, always=True)
