"""Sections of rig.yaml: the display and its photodiode, what is answered with, the eye tracker, the reward."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from synthstim.experiment.rig.luminance import LuminanceTable
from synthstim.experiment.rig.markers import NAME, PortAddress
from synthstim.experiment.rig.primaries import Primaries
from synthstim.experiment.runtime.reward_line import LONGEST_MS
from synthstim.recipe.fields import Section
from synthstim.recipe.problems import problem

# A flat screen that is wider has been measured in mm, or the distance to it in another unit.
WIDEST_DEG = 150
# A screen that refreshes less often has been given the duration of a frame.
SLOWEST_HZ = 23


class Monitor(Section):
    """The display: its image area is ``width_cm`` wide, its pixels are square, the eye is ``distance_cm`` away.

    ``gamma`` is the display's own: about 2.2, or 1 where something linearises it. A measured ``luminance`` takes its place.
    ``check`` stops the experiment at its start if the window's size or the refresh rate differ.
    """

    width_cm: float = Field(gt=0, le=2000)
    distance_cm: float = Field(gt=0, le=10000)
    width_px: int = Field(ge=64, le=16384)
    height_px: int = Field(ge=64, le=16384)
    refresh_hz: float = Field(gt=0, le=1000)
    gamma: float = Field(default=2.2, ge=0.5, le=4)
    luminance: LuminanceTable | None = None
    primaries: Primaries | None = None
    screen: int = Field(default=1, ge=1, le=10)
    fullscreen: bool = True
    check: bool = True

    @model_validator(mode="after")
    def _refreshes(self) -> Monitor:
        if (given := self.refresh_hz) < SLOWEST_HZ:
            meant = f": a frame of {given:g} ms is {1000 / given:.4g} Hz" if 1000 / given <= 1000 else ""
            raise problem(f"refreshes {given:g} times a second; expected {SLOWEST_HZ} to 1000 Hz{meant}")
        return self

    @model_validator(mode="after")
    def _is_seen_whole(self) -> Monitor:
        if (wide := 2 * math.degrees(math.atan(self.width_cm / self.distance_cm / 2))) > WIDEST_DEG:
            raise problem(
                f"is {wide:.0f} degrees wide: {self.width_cm:g} cm, {self.distance_cm:g} cm from the eye; expected at most"
                f" {WIDEST_DEG}, so measure both in cm"
            )
        return self

    def light(self, value: float) -> float:
        """The share of its range of light, 0 to 1, that the display makes of a display value in [0, 1]."""
        return float(self.luminance.light(value)) if self.luminance is not None else value**self.gamma


class Photodiode(Section):
    """A square in a corner: white while an image is shown, black otherwise."""

    corner: Literal["top_left", "top_right", "bottom_left", "bottom_right"]
    size_px: int = Field(default=64, ge=4, le=1000)


class KeysOnly(Section):
    """Keys of the keyboard."""

    kind: Literal["keys"]


class ResponseBox(Section):
    """A box whose buttons stand for keys, in the order of its channels; an empty name leaves a button out.

    ``device_class`` is one of PsychoPy's, or of a plug-in of PsychoPy's, with its whole name; ``parameters`` are what it is opened with.

    Example:
        >>> ResponseBox(kind="box", device_class="psychopy.hardware.button.KeyboardButtonBox", keys=("left", "right")).keys
        ('left', 'right')
    """

    kind: Literal["box"]
    # Whatever is named here is imported at the rig: PsychoPy's own and its plug-ins, nothing else.
    device_class: str = Field(pattern=r"^psychopy(_[a-z0-9_]+)?(\.[A-Za-z_]\w*)*\.[A-Z]\w*$", max_length=200)
    parameters: dict[str, str | int | float | bool | list[str] | list[int]] = Field(default_factory=dict)
    keys: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z0-9_]{0,40}$")], ...],
        Field(strict=False, min_length=1, max_length=64),
    ]


Responses = Annotated[KeysOnly | ResponseBox, Field(discriminator="kind")]


class MouseAsGaze(Section):
    """The mouse pointer is taken for the gaze, to try an experiment without an eye tracker."""

    kind: Literal["mouse"]


class TrackerOfPsychoPy(Section):
    """An eye tracker by its class in PsychoPy's ioHub, such as ``eyetracker.hw.sr_research.eyelink.EyeTracker``, and its parameters there."""

    kind: Literal["iohub"]
    device_class: str = Field(pattern=r"^eyetracker\.hw\.[A-Za-z0-9_.]{1,100}$")
    parameters: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,60}$")], Any] = Field(default_factory=dict)


EyeTracker = Annotated[MouseAsGaze | TrackerOfPsychoPy, Field(discriminator="kind")]


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
