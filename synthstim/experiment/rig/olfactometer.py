"""The olfactometer of a rig: valves with odorants, the air that carries them, and the port that it listens on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from synthstim.experiment.rig.markers import NAME
from synthstim.recipe.fields import Section, Text
from synthstim.recipe.problems import problem

Channel = Annotated[int, Field(ge=1, le=255)]


class Valves(Section):
    """What every olfactometer has: channels whose air, saturated by an odorant's stock, joins a stream of carrier air.

    All air together is ``total_ml_min`` at any time: what the odorants do not take is carrier, of which there is always
    ``least_carrier_ml_min``. ``full_ml_min`` is the flow of a channel that stands for a concentration of 1, the stock as it was
    recorded with; ``least_ml_min`` the smallest that a controller holds. ``odorants`` says which channel each is in; without
    it they get the channels from 1 on, in the order of their panel.
    """

    channels: int = Field(ge=1, le=255)
    total_ml_min: float = Field(default=1000, gt=0, le=20_000)
    least_carrier_ml_min: float = Field(default=500, gt=0, le=20_000)
    full_ml_min: float = Field(default=100, gt=0, le=20_000)
    least_ml_min: float = Field(default=0.1, gt=0, le=1000)
    odorants: dict[Text, Channel] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Valves:
        if self.least_carrier_ml_min + self.full_ml_min > self.total_ml_min:
            raise problem(
                f"has {self.total_ml_min:g} ml/min of air, {self.least_carrier_ml_min:g} of carrier and {self.full_ml_min:g} of one "
                "odorant do not go into it: give more air, or less of them"
            )
        taken: dict[int, str] = {}
        for odorant, channel in self.odorants.items():
            if channel > self.channels:
                raise problem(f"has {odorant!r} in channel {channel} of {self.channels}: give one that there is")
            if (other := taken.setdefault(channel, odorant)) != odorant:
                raise problem(f"has {other!r} and {odorant!r} in channel {channel}: give each a channel of its own")
        return self


class SerialOlfactometer(Valves):
    """One that takes lines of text from a serial port, and answers each."""

    kind: Literal["serial"]
    port: str = Field(pattern=NAME)
    baud: int = Field(default=115_200, ge=1200, le=4_000_000)


class SimulatedOlfactometer(Valves):
    """None: what it would be told goes into the tables of the run alone."""

    kind: Literal["simulated"]


Olfactometer = Annotated[SerialOlfactometer | SimulatedOlfactometer, Field(discriminator="kind")]
"""The entry of rig.yaml."""
