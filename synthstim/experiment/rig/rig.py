"""The whole rig, read from rig.yaml; degrees and durations in its pixels and frames."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import Field

from synthstim.errors import InputError
from synthstim.experiment.rig.markers import Markers, MarkersOff
from synthstim.experiment.rig.olfactometer import Olfactometer
from synthstim.experiment.rig.sections import EyeTracker, KeysOnly, Monitor, Photodiode, Responses, Reward
from synthstim.experiment.rig.sound import Speakers
from synthstim.recipe import read_yaml, validate
from synthstim.recipe.fields import Section

# Farther from a whole number of frames than this, a duration counts as impossible on the display.
FRAME_TOLERANCE = 0.1


class Rig(Section):
    """A rig, as rig.yaml describes it.

    Example:
        >>> rig = DEFAULT_RIG
        >>> round(rig.degrees(256), 2), rig.frames(100, "on_ms")
        (7.11, 6)
    """

    monitor: Monitor
    photodiode: Photodiode | None = None
    markers: Markers = MarkersOff(kind="none")
    sound: Speakers = Speakers()
    responses: Responses = KeysOnly(kind="keys")
    reward: Reward | None = None
    eye_tracker: EyeTracker | None = None
    olfactometer: Olfactometer | None = None
    subject: str = Field(default="", max_length=200)

    @property
    def linearised(self) -> bool:
        """Whether the display's light is proportional to its pixel values."""
        return self.monitor.luminance is None and 0.9 <= self.monitor.gamma <= 1.1

    @property
    def cm_per_px(self) -> float:
        """The width of a pixel in cm."""
        return self.monitor.width_cm / self.monitor.width_px

    def degrees(self, pixels: float) -> float:
        """The visual angle of a length centred straight ahead, in degrees."""
        return math.degrees(2 * math.atan(pixels * self.cm_per_px / 2 / self.monitor.distance_cm))

    def pixels(self, degrees: float) -> float:
        """The length in pixels that, centred straight ahead, spans a visual angle."""
        return 2 * self.monitor.distance_cm * math.tan(math.radians(degrees) / 2) / self.cm_per_px

    def offset(self, eccentricity: float) -> float:
        """How far from the point straight ahead an eccentricity in degrees lies on the flat screen, in pixels."""
        if not 0 <= eccentricity < 80:
            raise InputError(f"an eccentricity of {eccentricity:g} deg is not on a flat screen", "give 0 to 80")
        return self.monitor.distance_cm * math.tan(math.radians(eccentricity)) / self.cm_per_px

    def frames(self, milliseconds: float, name: str) -> int:
        """The whole number of frames that a duration takes.

        Raises:
            InputError: the duration is not within 0.1 frame of a whole number; names the durations on either side.
        """
        exact = milliseconds * self.monitor.refresh_hz / 1000
        if abs(exact - round(exact)) <= FRAME_TOLERANCE and (round(exact) > 0 or milliseconds == 0):
            return round(exact)
        below, above = max(1, math.floor(exact)), max(1, math.ceil(exact))
        choices = " or ".join(
            f"{self.milliseconds(n):.4g} ms ({n} frame{'s' * (n > 1)})" for n in sorted({below, above})
        )
        raise InputError(
            f"{name} of {milliseconds:g} ms is {exact:.4g} frames at {self.monitor.refresh_hz:g} Hz", f"give {choices}"
        )

    def milliseconds(self, frames: int) -> float:
        """How long a number of frames lasts, in ms."""
        return frames * 1000 / self.monitor.refresh_hz


# A 24-inch desktop monitor at arm's length.
DEFAULT_RIG = Rig(monitor=Monitor(width_cm=53.1, distance_cm=57, width_px=1920, height_px=1080, refresh_hz=60))


def read_rig(path: str | Path) -> Rig:
    """Read rig.yaml.

    Raises:
        InputError: the file cannot be read, or a key or a value is wrong; says which and what was wanted.

    Example:
        >>> rig = read_rig("tonight_experiment/rig.yaml")
        >>> rig.monitor.width_px, rig.monitor.refresh_hz
        (1920, 60.0)
    """
    rig = validate(read_yaml(path), Rig)
    if rig.monitor.luminance is None and not rig.linearised and not 1.6 <= rig.monitor.gamma <= 2.8:
        raise InputError(
            f"{Path(path).name}: monitor.gamma is {rig.monitor.gamma:g}; expected the display's own, 1.6 to 2.8, or 1 if it is linearised"
        )
    return rig


def files_of_rig(path: str | Path) -> list[Path]:
    """A rig.yaml, and the measured table beside it that it names."""
    table = (read_yaml(path).data.get("monitor") or {}).get("luminance")
    beside = [Path(path).with_name(str(table["file"]))] if isinstance(table, dict) and "file" in table else []
    return [Path(path), *beside]
