"""The eye tracker of a rig: one of PsychoPy's, or the mouse in its place."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from synthstim.recipe.fields import Section


class MouseAsGaze(Section):
    """The mouse pointer is taken for the gaze, to try an experiment without an eye tracker."""

    kind: Literal["mouse"]


class TrackerOfPsychoPy(Section):
    """An eye tracker by its class in PsychoPy's ioHub, such as ``eyetracker.hw.sr_research.eyelink.EyeTracker``, and its parameters there."""

    kind: Literal["iohub"]
    device_class: str = Field(pattern=r"^eyetracker\.hw\.[A-Za-z0-9_.]{1,100}$")
    parameters: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,60}$")], Any] = Field(default_factory=dict)


EyeTracker = Annotated[MouseAsGaze | TrackerOfPsychoPy, Field(discriminator="kind")]
