"""The display of a rig, and the photodiode on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthstim.experiment.rig.luminance import LuminanceTable
from synthstim.experiment.rig.primaries import Primaries
from synthstim.recipe.fields import Section


class Monitor(Section):
    """The display: its image area is ``width_cm`` wide, its pixels are square, the eye is ``distance_cm`` away.

    ``gamma`` is the display's own: about 2.2, or 1 where something linearises it. A measured ``luminance`` takes its place.
    ``check`` stops the experiment at its start if the window's size or the refresh rate differ.
    """

    width_cm: float = Field(gt=0, le=2000)
    distance_cm: float = Field(gt=0, le=10000)
    width_px: int = Field(ge=64, le=16384)
    height_px: int = Field(ge=64, le=16384)
    refresh_hz: float = Field(ge=10, le=1000)
    gamma: float = Field(default=2.2, ge=0.5, le=4)
    luminance: LuminanceTable | None = None
    primaries: Primaries | None = None
    screen: int = Field(default=1, ge=1, le=10)
    fullscreen: bool = True
    check: bool = True

    def light(self, value: float) -> float:
        """The share of its range of light, 0 to 1, that the display makes of a display value in [0, 1]."""
        return float(self.luminance.light(value)) if self.luminance is not None else value**self.gamma


class Photodiode(Section):
    """A square in a corner: white while an image is shown, black otherwise."""

    corner: Literal["top_left", "top_right", "bottom_left", "bottom_right"]
    size_px: int = Field(default=64, ge=4, le=1000)
