"""What a computer says of its screens and sound devices, to begin a rig.yaml with."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from synthstim.experiment.running.virtual_display import has_display

# As xrandr prints them: a connected output with its place on the desktop and its size in mm, and the rate that is in use.
_OUTPUT = re.compile(r"^(\S+) connected (?:primary )?(\d+)x(\d+)\+\d+\+\d+ .*?(?:(\d+)mm x (\d+)mm)?$")
_RATE = re.compile(r"(\d+\.\d+)\*")


@dataclass(frozen=True)
class FoundScreen:
    """A screen as the system describes it; what it does not tell is None. The width is that of the image area, in cm."""

    name: str
    width_px: int
    height_px: int
    refresh_hz: float | None = None
    width_cm: float | None = None

    def __str__(self) -> str:
        rate = f", {self.refresh_hz:g} Hz" if self.refresh_hz else ""
        wide = f", {self.width_cm:g} cm wide" if self.width_cm else ""
        return f"{self.name}: {self.width_px} x {self.height_px}{rate}{wide}"


@dataclass(frozen=True)
class FoundSpeaker:
    """A sound device that plays."""

    name: str
    channels: int
    rate_hz: int
    default: bool


def find_screens() -> list[FoundScreen]:
    """The screens, in PsychoPy's order where it is PsychoPy's window system that tells; none without a display."""
    if not has_display():
        return []
    screens = _of_pyglet()
    told = {(one.width_px, one.height_px): one for one in _of_xrandr()}
    # pyglet counts as PsychoPy does and knows neither rate nor width everywhere: where sizes agree, xrandr fills them in.
    return [told.get((one.width_px, one.height_px), one) for one in screens] or list(told.values())


def find_speakers() -> list[FoundSpeaker]:
    """The devices that play, the default one first."""
    try:
        import sounddevice

        default = sounddevice.query_devices(kind="output")["name"]
        devices = [one for one in sounddevice.query_devices() if one["max_output_channels"] > 0]
    except Exception:  # PortAudio is absent, or raises its own: then there are none to tell
        return []
    found = [
        FoundSpeaker(one["name"], one["max_output_channels"], int(one["default_samplerate"]), one["name"] == default)
        for one in devices
    ]
    return sorted(found, key=lambda one: not one.default)


def read_xrandr(text: str) -> list[FoundScreen]:
    """The connected screens of what ``xrandr`` prints.

    >>> print(*read_xrandr("HDMI-1 connected primary 1920x1080+0+0 (normal left) 531mm x 299mm\\n   1920x1080  60.00*+  50.00"))
    HDMI-1: 1920 x 1080, 60 Hz, 53.1 cm wide
    """
    screens: list[FoundScreen] = []
    for line in text.splitlines():
        if found := _OUTPUT.match(line):
            name, width, height, width_mm, _ = found.groups()
            wide = float(width_mm) / 10 if width_mm and int(width_mm) else None
            screens.append(FoundScreen(name, int(width), int(height), None, wide))
        elif (rate := _RATE.search(line)) and screens and screens[-1].refresh_hz is None and line.startswith(" "):
            last = screens.pop()
            screens.append(FoundScreen(last.name, last.width_px, last.height_px, float(rate[1]), last.width_cm))
    return screens


def _of_xrandr() -> list[FoundScreen]:
    if shutil.which("xrandr") is None:
        return []
    try:
        done = subprocess.run(["xrandr", "--current"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return read_xrandr(done.stdout)


def _of_pyglet() -> list[FoundScreen]:
    try:
        import pyglet

        screens: list[Any] = pyglet.canvas.get_display().get_screens()
    except Exception:  # each window system fails in its own way: then nothing is known
        return []
    return [FoundScreen(f"screen {at}", one.width, one.height, _rate(one)) for at, one in enumerate(screens, 1)]


def _rate(screen: Any) -> float | None:
    try:
        rate = screen.get_mode().rate
    except Exception:  # not every window system tells
        return None
    return float(rate) if rate else None
