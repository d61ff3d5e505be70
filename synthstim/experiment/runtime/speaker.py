"""The sound device that PsychoPy will play on: its name, and the rate at which it runs, as far as the system tells."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .loudness import strictest, too_loud
from .simulate import simulated
from .stop import stopped


def sound_device(name: str | None = None) -> dict[str, Any]:
    """A device: its ``name``, its ``index`` (None of the default one), its ``channels``, and ``rate_hz``, None where the system does not tell it.

    Args:
        name: its whole name, or a part that no other has; the default one without.

    Raises:
        SystemExit: there is none, or several have that name.
    """
    import sounddevice

    try:
        device = sounddevice.query_devices(kind="output") if name is None else sounddevice.query_devices(name, "output")
    except Exception as error:  # PortAudio raises its own, and ValueError
        if name is not None:
            why = " ".join(str(error).split())
            raise stopped(
                f"the sound device {name!r} cannot be used ({why}): correct sound.device of settings.json"
            ) from None
        raise stopped(f"there is no sound device to play on ({error}): connect one and start again") from None
    return {
        "name": device["name"],
        "index": None if name is None else device["index"],
        "channels": device["max_output_channels"],
        "rate_hz": _rate(device, sounddevice, chosen=name is not None),
    }


def sound_problems(device: dict[str, Any], rate_hz: int) -> list[str]:
    """One sentence for each way in which a device would alter stereo files of a rate."""
    problems = []
    if device["rate_hz"] is not None and round(device["rate_hz"]) != rate_hz:
        problems.append(
            f"the sound device {device['name']!r} runs at {device['rate_hz']:g} Hz and would resample the files, which are"
            f" at {rate_hz} Hz: set the device to {rate_hz} Hz in the system's sound settings"
        )
    if device["channels"] < 2:
        problems.append(f"the sound device {device['name']!r} has one channel: connect stereo headphones")
    return problems


def _rate(device: dict[str, Any], sounddevice: Any, *, chosen: bool) -> float | None:
    # On macOS PortAudio knows the device's own rate. On Windows only its WASAPI entry does; on Linux a sound server
    # stands between, and PortAudio answers 44100 whatever it runs at.
    if sys.platform == "darwin":
        return float(device["default_samplerate"])
    if sys.platform == "win32" and chosen:
        wasapi = "WASAPI" in sounddevice.query_hostapis(device["hostapi"])["name"]
        return float(device["default_samplerate"]) if wasapi else None
    if sys.platform == "win32":
        for interface in sounddevice.query_hostapis():
            if "WASAPI" in interface["name"] and interface["default_output_device"] >= 0:
                return float(sounddevice.query_devices(interface["default_output_device"])["default_samplerate"])
        return None
    return None if chosen else _server_rate()


def _server_rate() -> float | None:
    """The rate of the default sink of PulseAudio, or of PipeWire in its place."""
    if shutil.which("pactl") is None:
        return None
    answers = []
    for question in (("get-default-sink",), ("list", "short", "sinks")):
        try:
            done = subprocess.run(["pactl", *question], capture_output=True, text=True, timeout=5, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        answers.append(done.stdout)
    for line in answers[1].splitlines():
        # number, name, driver, "float32le 2ch 48000Hz", state
        cells = line.split("\t")
        if len(cells) > 3 and cells[1] == answers[0].strip():
            rate = cells[3].split()[-1].removesuffix("Hz")
            return float(rate) if rate.isdigit() else None
    return None


def checked_device(
    directory: Path, manifest: Mapping[str, Any], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The sound device of an experiment and what is wrong with it; no sound has been played yet.

    Raises:
        SystemExit: there is none, a file is louder than is safe, or the device would change what is played.
    """
    sound = settings["sound"]
    levels = strictest(sound, manifest.get("sound", {}))
    if said := too_loud(directory, [stimulus["file"] for stimulus in manifest["stimuli"]], levels):
        raise stopped(f"{said}: export again")
    device = sound_device(None if simulated() else sound.get("device"))
    problems = sound_problems(device, manifest["rate_hz"])
    if problems and sound["check"] and not simulated():
        raise stopped("; ".join(problems) + ", or switch sound.check off in settings.json")
    return device, problems
