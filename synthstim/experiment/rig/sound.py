"""The speakers or headphones of a rig: device, rate, what was measured at the ear, and the level that nothing may exceed."""

from __future__ import annotations

from pydantic import Field

from synthstim.errors import InputError
from synthstim.experiment.rig.markers import NAME
from synthstim.experiment.runtime.loudness import CEILING_DB_SPL
from synthstim.recipe.calibration import Calibration
from synthstim.recipe.fields import Section

UNCALIBRATED = "measure a noise of known level at the ear and write sound.calibration into rig.yaml (docs/rig.md), or give level_dbfs"


class Speakers(Section):
    """What plays.

    Without a ``device`` the system's default one plays, without a ``rate_hz`` any rate is played. ``safe_limit_db_spl`` may be lowered
    and, up to 100, raised; it is held where there is a calibration, since without one nobody knows the level.

    Example:
        >>> Speakers(calibration={"db_spl": 80, "at_dbfs": -26, "signal": "pink noise"}).dbfs_of(65)
        -41.0
    """

    device: str | None = Field(default=None, pattern=NAME)
    rate_hz: int | None = Field(default=None, ge=8000, le=192000)
    calibration: Calibration | None = None
    safe_limit_db_spl: float = Field(default=85, ge=20, le=CEILING_DB_SPL)

    def dbfs_of(self, db_spl: float) -> float:
        """The level re full scale that makes a level at the ear.

        Raises:
            InputError: the rig has no calibration, the level is above the safe limit, or no file can be that loud.
        """
        if self.calibration is None:
            raise InputError(
                f"a level of {db_spl:g} dB SPL given for a rig without a calibration", UNCALIBRATED, code="missing"
            )
        if db_spl > self.safe_limit_db_spl:
            raise InputError(
                f"a level of {db_spl:g} dB SPL given; expected at most {self.safe_limit_db_spl:g}, the rig's safe limit",
                "ask for less",
            )
        if (level := self.calibration.dbfs_of(db_spl)) >= 0:
            raise InputError(
                f"{db_spl:g} dB SPL is {level:.1f} dB re full scale on this rig, more than a file holds",
                f"ask for less than {self.calibration.db_spl_of(0):.1f} dB SPL, or turn the amplifier up and measure again",
                code="unattainable",
            )
        return level

    def db_spl_of(self, dbfs: float) -> float | None:
        """The level at the ear of a level re full scale; None without a calibration."""
        return None if self.calibration is None else round(self.calibration.db_spl_of(dbfs), 2)

    @property
    def most_db_spl_at_full_scale(self) -> float | None:
        """What a sound of an RMS of full scale has at most; None without a calibration."""
        if self.calibration is None:
            return None
        return self.calibration.most_db_spl - self.calibration.at_dbfs
