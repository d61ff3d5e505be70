"""The colours of a display's red, green and blue, and how far they lie from those of sRGB."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field, model_validator

from synthstim.recipe.fields import Section
from synthstim.recipe.problems import problem

# Chromaticities x, y: ITU-R BT.709, which sRGB takes over, and its white, D65.
SRGB = {"red": (0.64, 0.33), "green": (0.30, 0.60), "blue": (0.15, 0.06), "white": (0.3127, 0.3290)}
# About the distance in u'v' from which colours side by side are told apart.
VISIBLE = 0.004

Colour = Annotated[tuple[float, float, float], Field(strict=False)]


class Primaries(Section):
    """CIE 1931 x, y and luminance Y (cd/m2) of the display's red, green and blue at full drive.

    Example:
        >>> Primaries(red=(0.64, 0.33, 21.3), green=(0.30, 0.60, 71.5), blue=(0.15, 0.06, 7.2)).largest()[0] < 0.001
        True
    """

    red: Colour
    green: Colour
    blue: Colour

    @model_validator(mode="after")
    def _check(self) -> Primaries:
        for name, (x, y, luminance) in (("red", self.red), ("green", self.green), ("blue", self.blue)):
            if not (0 < x < 1 and 0 < y < 1 and x + y <= 1 and luminance > 0):
                raise problem(
                    f"has {name} [{x:g}, {y:g}, {luminance:g}]: give x, y and Y; x and y above 0, together at most 1, and Y in cd/m2"
                )
        return self

    @property
    def white(self) -> tuple[float, float, float]:
        """x, y, Y of all three together."""
        xyz = [0.0, 0.0, 0.0]
        for x, y, luminance in (self.red, self.green, self.blue):
            for axis, share in enumerate((x / y, 1.0, (1 - x - y) / y)):
                xyz[axis] += share * luminance
        return xyz[0] / sum(xyz), xyz[1] / sum(xyz), xyz[1]

    def from_srgb(self) -> dict[str, float]:
        """The distance of each, and of white, from that of sRGB in CIE 1976 u'v'."""
        ours = {"red": self.red, "green": self.green, "blue": self.blue, "white": self.white}
        return {name: math.dist(_uv(x, y), _uv(*SRGB[name])) for name, (x, y, _) in ours.items()}

    def largest(self) -> tuple[float, str]:
        """The largest of these distances, and which."""
        return max((distance, name) for name, distance in self.from_srgb().items())


def _uv(x: float, y: float) -> tuple[float, float]:
    return 4 * x / (-2 * x + 12 * y + 3), 9 * y / (-2 * x + 12 * y + 3)
