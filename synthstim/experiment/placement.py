"""Where images stand on the screen: whole pixels, so that each image pixel is one screen pixel."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.rig import Rig
from synthstim.experiment.runtime.pictures import corner, middle


@dataclass(frozen=True)
class Box:
    """A rectangle of whole screen pixels; left and top count from the screen's upper left corner."""

    left: int
    top: int
    width: int
    height: int

    def centre(self, rig: Rig) -> tuple[float, float]:
        """The centre in PsychoPy's pixels: from the middle of the screen, right and up; a half where sizes differ in parity."""
        screen = rig.monitor.width_px, rig.monitor.height_px
        return middle(self.left, self.top, (self.width, self.height), screen)

    def overlaps(self, other: Box) -> bool:
        """Whether the two share a pixel."""
        apart_x = self.left >= other.left + other.width or other.left >= self.left + self.width
        apart_y = self.top >= other.top + other.height or other.top >= self.top + self.height
        return not (apart_x or apart_y)


def position(settings: Mapping[str, Any], rig: Rig) -> tuple[float, float]:
    """The receptive field's centre in pixels right of and above the middle of the screen.

    Degrees lie along the line from the screen's centre: a point at ``eccentricity`` e is distance * tan(e) away.

    Raises:
        InputError: x and y are given together with eccentricity and angle, or only half of the latter.
    """
    x, y = settings["x_deg"], settings["y_deg"]
    eccentricity, angle = settings["eccentricity_deg"], settings["polar_angle_deg"]
    if (eccentricity is None) != (angle is None):
        raise InputError("a position needs both eccentricity_deg and polar_angle_deg", "give both, or x_deg and y_deg")
    if eccentricity is not None and (x is not None or y is not None):
        raise InputError("the position is given twice", "give x_deg and y_deg, or eccentricity_deg and polar_angle_deg")
    if eccentricity is None:
        x, y = x or 0.0, y or 0.0
        eccentricity, angle = math.hypot(x, y), math.degrees(math.atan2(y, x))
    radius = rig.offset(eccentricity)
    return radius * math.cos(math.radians(angle)), radius * math.sin(math.radians(angle))


def in_degrees(centre: tuple[float, float], rig: Rig) -> tuple[float, float]:
    """A point of the screen, in pixels from its middle, as x and y in degrees: the inverse of ``position``."""
    radius = math.hypot(*centre)
    if not radius:
        return 0.0, 0.0
    eccentricity = math.degrees(math.atan(radius * rig.cm_per_px / rig.monitor.distance_cm))
    return eccentricity * centre[0] / radius, eccentricity * centre[1] / radius


def place(name: str, width: int, height: int, centre: tuple[float, float], rig: Rig) -> Box:
    """The box of an image as near to a centre as whole pixels allow.

    Raises:
        InputError: the image would not lie wholly on the screen.
    """
    monitor = rig.monitor
    left, top = corner(centre, (width, height), (monitor.width_px, monitor.height_px))
    if left < 0 or top < 0 or left + width > monitor.width_px or top + height > monitor.height_px:
        raise InputError(
            f"{name} ({width} x {height} pixels) at {centre[0]:.0f}, {centre[1]:.0f} pixels from the centre would leave"
            f" the {monitor.width_px} x {monitor.height_px} screen",
            "move it, or give a smaller size_deg",
        )
    return Box(left, top, width, height)


def photodiode_box(rig: Rig) -> Box | None:
    """The photodiode's square, or None."""
    if rig.photodiode is None:
        return None
    size, monitor = rig.photodiode.size_px, rig.monitor
    left = monitor.width_px - size if rig.photodiode.corner.endswith("right") else 0
    top = monitor.height_px - size if rig.photodiode.corner.startswith("bottom") else 0
    return Box(left, top, size, size)
