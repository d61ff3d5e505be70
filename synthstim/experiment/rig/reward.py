"""The reward of an animal: a line that opens a valve for some milliseconds, with caps that no protocol can raise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synthstim.experiment.rig.markers import NAME, PortAddress
from synthstim.experiment.runtime.reward_line import LONGEST_MS
from synthstim.recipe.fields import Section
from synthstim.recipe.problems import problem


class Rewarding(Section):
    """What every reward has: a pulse, and what it may come to.

    ``max_ms_per_pulse`` bounds what a protocol may ask for; ``max_pulses_per_day`` counts all runs of an exported folder on a day.
    With ``ml_per_pulse``, measured for ``pulse_ms``, ``max_ml_per_day`` bounds the volume as well, which grows with a pulse's duration.
    """

    pulse_ms: float = Field(default=100, gt=0, le=LONGEST_MS)
    max_ms_per_pulse: float = Field(default=500, gt=0, le=LONGEST_MS)
    max_pulses_per_day: int = Field(ge=1, le=20_000)
    ml_per_pulse: float | None = Field(default=None, gt=0, le=20)
    max_ml_per_day: float | None = Field(default=None, gt=0, le=2000)

    @model_validator(mode="after")
    def _check(self) -> Rewarding:
        if self.pulse_ms > self.max_ms_per_pulse:
            raise problem(
                f"has pulses of {self.pulse_ms:g} ms and allows {self.max_ms_per_pulse:g} ms: make them shorter"
            )
        if (self.max_ml_per_day is None) != (self.ml_per_pulse is None):
            raise problem("has one of ml_per_pulse and max_ml_per_day: give both, or none")
        return self


class SerialReward(Rewarding):
    """A control line of a serial port, RTS or DTR, which the system lets go when the port is closed."""

    kind: Literal["serial"]
    port: str = Field(pattern=NAME)
    line: Literal["rts", "dtr"] = "rts"


class DigitalReward(Rewarding):
    """A data pin of a parallel port, 2 to 9, which stays as it is when a program ends."""

    kind: Literal["digital"]
    address: PortAddress
    pin: int = Field(default=2, ge=2, le=9)


Reward = Annotated[SerialReward | DigitalReward, Field(discriminator="kind")]
