"""A rig in words: its geometry, what it can show and play, and what it cannot."""

from __future__ import annotations

import math

from synthstim.experiment.rig.luminance import srgb_light
from synthstim.experiment.rig.markers import MarkersOff, largest_code, sends_index
from synthstim.experiment.rig.primaries import VISIBLE
from synthstim.experiment.rig.rig import Rig
from synthstim.experiment.rig.sections import ResponseBox
from synthstim.experiment.rig.sound import UNCALIBRATED
from synthstim.experiment.runtime.marker_bytes import FIRST_ONSET


def describe_rig(rig: Rig) -> dict[str, str]:
    """What a rig is, by topic, in sentences.

    Example:
        >>> from synthstim.experiment import DEFAULT_RIG
        >>> describe_rig(DEFAULT_RIG)["degrees"]
        '36.0 px per degree straight ahead; the screen is 50.0 x 29.4 deg'
    """
    return {
        "screen": _screen(rig),
        "degrees": _degrees(rig),
        "frames": _frames(rig),
        "light": _light(rig),
        "colours": _colours(rig),
        "sound": _sound(rig),
        "markers": _markers(rig),
        "answers": _answers(rig),
        "reward": _reward(rig),
    }


def _screen(rig: Rig) -> str:
    one = rig.monitor
    return (
        f"{one.width_px} x {one.height_px} px, {one.width_cm:g} cm wide, {one.distance_cm:g} cm away;"
        f" a pixel is {10 * rig.cm_per_px:.3f} mm"
    )


def _degrees(rig: Rig) -> str:
    one = rig.monitor
    wide, high = rig.degrees(one.width_px), rig.degrees(one.height_px)
    return f"{rig.pixels(1):.1f} px per degree straight ahead; the screen is {wide:.1f} x {high:.1f} deg"


def _frames(rig: Rig) -> str:
    hz = rig.monitor.refresh_hz
    near = sorted({max(1, math.floor(0.1 * hz)), math.ceil(0.1 * hz)})
    told = " and ".join(f"{rig.milliseconds(frames):.4g} ms" for frames in near)
    return f"{hz:g} Hz, a frame is {rig.milliseconds(1):.4g} ms; around 100 ms it can show {told}; other durations are refused"


def _light(rig: Rig) -> str:
    if (table := rig.monitor.luminance) is None:
        half = 100 * rig.monitor.light(0.5)
        wanted = 100 * float(srgb_light(0.5))
        return f"gamma {rig.monitor.gamma:g}, not measured: a value of 0.5 makes {half:.1f} % of its light, and stands for {wanted:.1f} %"
    gamma, off = table.nearest_gamma()
    return (
        f"measured at {len(table.levels)} levels, {table.darkest:.3g} to {table.brightest:.4g} cd/m2 (contrast"
        f" {table.brightest / table.darkest:.0f}:1); nearest gamma {gamma:.2f}, off by at most {100 * off:.1f} %; images are rewritten for it"
        if table.darkest
        else f"measured at {len(table.levels)} levels, 0 to {table.brightest:.4g} cd/m2; nearest gamma {gamma:.2f}, off by at most"
        f" {100 * off:.1f} %; images are rewritten for it"
    )


def _colours(rig: Rig) -> str:
    if rig.monitor.primaries is None:
        return "primaries not measured: colours are those of the display, whatever they are"
    told = ", ".join(f"{name} {distance:.3f}" for name, distance in rig.monitor.primaries.from_srgb().items())
    far, _ = rig.monitor.primaries.largest()
    verdict = (
        "within what can be seen side by side" if far <= VISIBLE else f"above {VISIBLE} it can be seen side by side"
    )
    return f"distance from sRGB in u'v': {told} ({verdict}); colours are not corrected"


def _sound(rig: Rig) -> str:
    one = rig.sound
    plays = (
        f"{one.device or 'the default device'} at {f'{one.rate_hz} Hz' if one.rate_hz else 'the rate of the sounds'}"
    )
    if one.calibration is None:
        return f"{plays}; levels at the ear are not known, and no safe limit is held: {UNCALIBRATED}"
    loudest = min(one.safe_limit_db_spl, one.calibration.db_spl_of(0))
    return (
        f"{plays}; {one.calibration.signal} at {one.calibration.at_dbfs:g} dBFS has {one.calibration.db_spl:g} dB SPL, so up to"
        f" {loudest:.1f} dB SPL may be asked for; a file above {one.safe_limit_db_spl:g} is refused"
    )


def _markers(rig: Rig) -> str:
    one = rig.markers
    if isinstance(one, MarkersOff):
        return "none are sent"
    largest = largest_code(one)
    what = "presentations, counted round" if sends_index(one) else "stimuli"
    room = "any number of" if largest is None else f"{largest - FIRST_ONSET + 1:,}"
    return f"{one.kind}: codes of {room} {what}"


def _answers(rig: Rig) -> str:
    one = rig.responses
    if not isinstance(one, ResponseBox):
        return "keys"
    told = ", ".join(f"button {at} for {key}" for at, key in enumerate(one.keys) if key)
    return f"{one.device_class}: {told}; keys as well"


def _reward(rig: Rig) -> str:
    if (one := rig.reward) is None:
        return "none"
    told = f"{one.kind}: {one.pulse_ms:g} ms, at most {one.max_ms_per_pulse:g} ms a pulse and {one.max_pulses_per_day} pulses a day"
    return told + (f", {one.max_ml_per_day:g} ml a day" if one.max_ml_per_day is not None else "")
