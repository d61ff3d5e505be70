"""How loud sounds are, re full scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator
from torch import Tensor
from typing_extensions import Self

from synthstim.constraints.base import SILENCE, Limit
from synthstim.errors import InputError
from synthstim.recipe.calibration import LOUDEST_DB_SPL
from synthstim.recipe.fields import Section
from synthstim.recipe.problems import raise_problems


class LevelOptions(Section):
    """How loud a sound is.

    Attributes:
        level_dbfs: root mean square in dB re full scale; by default the recipe's; ``free`` sets none.
        level_db_spl: that level at the ear instead, by the recipe's calibration.
    """

    level_dbfs: Annotated[float, Field(ge=-120, lt=0)] | Literal["free"] | None = None
    level_db_spl: float | None = Field(default=None, ge=0, le=LOUDEST_DB_SPL)

    @model_validator(mode="after")
    def _one_level(self) -> Self:
        if self.level_db_spl is not None and self.level_dbfs is not None:
            raise_problems([(("level_db_spl",), "goes without level_dbfs: remove one of them")])
        return self


@dataclass(frozen=True, kw_only=True)
class Level:
    """Root mean square of the waveform, without its mean, in dB relative to full scale.

    Example:
        >>> sounds = Level(rms_dbfs=-20).project(0.01 * torch.randn(1, 4800))
        >>> round(sounds.square().mean().sqrt().item(), 3)
        0.1
    """

    rms_dbfs: float
    modality: ClassVar[str] = "sound"

    def check(self, shape: tuple[int, ...]) -> None:
        """No waveform within full scale has more than 0 dB."""
        if not -120 <= self.rms_dbfs < 0:
            raise InputError(
                f"a level of {self.rms_dbfs:g} dBFS cannot be met; expected -120 to below 0", code="unattainable"
            )

    def project(self, sounds: Tensor) -> Tensor:
        """Take out the mean and scale; silence stays silence."""
        centred = sounds - sounds.mean(-1, keepdim=True)
        rms = centred.square().mean(-1, keepdim=True).clamp_min(SILENCE**2).sqrt()
        return centred * (10 ** (self.rms_dbfs / 20) / rms)


def _make(asked: LevelOptions, input: object, recipe: Any) -> Level | None:
    if asked.level_dbfs == "free":
        return None
    if asked.level_db_spl is not None:
        return Level(rms_dbfs=recipe.dbfs_of(asked.level_db_spl))
    return Level(rms_dbfs=recipe.level_dbfs if asked.level_dbfs is None else asked.level_dbfs)


# All sounds of a set are played at one level unless the recipe frees them.
CONSTRAINT = Limit(LevelOptions, _make, "sound", order=30, always=True)
