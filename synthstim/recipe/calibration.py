"""Levels at the ear: what was measured of a named signal at a known level re full scale."""

from __future__ import annotations

import math
from bisect import bisect
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from synthstim.recipe.fields import Section
from synthstim.recipe.problems import problem

# No level above may be asked for: it is damaging within a quarter of an hour or so.
LOUDEST_DB_SPL = 100.0
_Frequencies = Annotated[tuple[Annotated[float, Field(gt=0, le=200_000)], ...], Field(strict=False, min_length=2)]
_Levels = Annotated[tuple[Annotated[float, Field(ge=0, le=140)], ...], Field(strict=False, min_length=2)]


class MeasuredResponse(Section):
    """Level of tones of one amplitude at several frequencies, in dB SPL, the tones being at the calibration's ``at_dbfs``."""

    hz: _Frequencies
    db_spl: _Levels

    @model_validator(mode="after")
    def _check(self) -> MeasuredResponse:
        if len(self.hz) != len(self.db_spl):
            raise problem(
                f"has {len(self.hz)} frequencies and {len(self.db_spl)} levels: give each frequency its level"
            )
        if any(after <= before for before, after in pairwise(self.hz)):
            raise problem("has frequencies that do not rise: give them in order, each once")
        return self

    def at(self, hz: float) -> float:
        """The level at a frequency: straight lines over the logarithm of frequency, level beyond the ends."""
        after = min(max(bisect(self.hz, hz), 1), len(self.hz) - 1)
        (low, high), (first, last) = self.hz[after - 1 : after + 1], self.db_spl[after - 1 : after + 1]
        share = math.log(hz / low) / math.log(high / low)
        return first + (last - first) * min(max(share, 0.0), 1.0)


class Calibration(Section):
    """A level measured at the ear, with an artificial ear or a sound level meter: ``signal`` at ``at_dbfs`` (RMS) gave ``db_spl``.

    Example:
        >>> measured = Calibration(db_spl=80, at_dbfs=-26, signal="pink noise")
        >>> measured.db_spl_of(-36), measured.dbfs_of(65)
        (70.0, -41.0)
    """

    db_spl: float = Field(ge=0, le=140)
    at_dbfs: float = Field(ge=-120, le=0)
    signal: Literal["pink noise", "white noise", "speech noise", "1 kHz tone"]
    by_frequency: MeasuredResponse | None = None

    def db_spl_of(self, dbfs: float) -> float:
        """The level at the ear of a sound like ``signal``, from its RMS re full scale."""
        return self.db_spl + dbfs - self.at_dbfs

    def dbfs_of(self, db_spl: float) -> float:
        """The RMS re full scale at which a sound like ``signal`` has a level at the ear."""
        return db_spl - self.db_spl + self.at_dbfs

    @property
    def most_db_spl(self) -> float:
        """What a signal at ``at_dbfs`` has at most, whatever its spectrum: for the safe limit."""
        return max([self.db_spl, *(self.by_frequency.db_spl if self.by_frequency else ())])
