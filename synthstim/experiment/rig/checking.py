"""Whether what rig.yaml names is there: each thing is opened, looked at and closed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from synthstim.errors import InputError, said_by
from synthstim.experiment.rig.rig import Rig
from synthstim.experiment.rig.window import full_window
from synthstim.experiment.running.virtual_display import has_display
from synthstim.experiment.runtime.display import display_problems, gamma_ramp_state
from synthstim.experiment.runtime.markers import open_markers
from synthstim.experiment.runtime.response_box import open_box
from synthstim.experiment.runtime.reward_line import ParallelPin, SerialLine
from synthstim.experiment.runtime.speaker import sound_device, sound_problems
from synthstim.experiment.runtime.stop import MARK


@dataclass(frozen=True)
class Finding:
    """What was found of one thing: ``ok``, and a sentence."""

    what: str
    ok: bool
    said: str


def check_rig(rig: Rig) -> Iterator[Finding]:
    """Open what a rig names, one thing after another; each is told as soon as it is known.

    A window is shown for some seconds. Markers of the code 0 or none are sent: a serial port is opened and closed, a parallel port's pins are
    lowered, a reward's line is opened and left low.
    """
    for what, look in (
        ("screen", _screen),
        ("sound", _sound),
        ("markers", _markers),
        ("answers", _answers),
        ("reward", _reward),
    ):
        yield from _looked(what, rig, look)


def _looked(what: str, rig: Rig, look: Callable[[Rig], list[tuple[bool, str]]]) -> Iterator[Finding]:
    try:
        found = look(rig)
    except SystemExit as stop:
        found = [(False, str(stop).removeprefix(MARK).replace("settings.json", "rig.yaml"))]
    except InputError as error:
        found = [(False, str(error))]
    except Exception as error:  # drivers and window systems fail in ways of their own
        found = [(False, f"it cannot be opened ({said_by(error)}): connect it, or correct rig.yaml")]
    for ok, said in found:
        yield Finding(what, ok, said)


def _screen(rig: Rig) -> list[tuple[bool, str]]:
    if not has_display():
        return [(False, "there is no display: run this at the rig")]
    with full_window(rig) as window:
        rate = window.getActualFrameRate(nIdentical=10, nMaxFrames=240, nWarmUpFrames=10)
        size, gamma, ramp = [int(side) for side in window.size], window.gamma, gamma_ramp_state(window)
    monitor = rig.monitor
    expected = {"width_px": monitor.width_px, "height_px": monitor.height_px, "refresh_hz": monitor.refresh_hz}
    # One after another, so that what is right is told beside what is wrong.
    right = [monitor.width_px, monitor.height_px], monitor.refresh_hz
    said = [
        *_as_written(display_problems(size, right[1], None, expected), f"{size[0]} x {size[1]} pixels"),
        *_as_written(display_problems(right[0], rate, None, expected), f"{rate or 0:.2f} Hz"),
        *_as_written(display_problems(*right, gamma, expected), "PsychoPy corrects no gamma"),
    ]
    told = {
        "identity": "the graphics card's table changes nothing",
        "altered": "the graphics card's table alters luminance: reset it, or remove the system's colour profile",
    }
    return [*said, (ramp != "altered", told.get(ramp, "the graphics card's table cannot be read here"))]


def _as_written(problems: list[str], said: str) -> list[tuple[bool, str]]:
    return [(False, problem.replace("exported for", "rig.yaml says")) for problem in problems] or [(True, said)]


def _sound(rig: Rig) -> list[tuple[bool, str]]:
    wanted = rig.sound
    device = sound_device(wanted.device)
    said = [(False, problem) for problem in sound_problems(device, wanted.rate_hz or round(device["rate_hz"] or 0))]
    rate = f"{device['rate_hz']:g} Hz" if device["rate_hz"] else "a rate that the system does not tell"
    if not said:
        said = [(True, f"{device['name']} with {device['channels']} channels at {rate}")]
    known = wanted.calibration is not None
    return [
        *said,
        (
            True,
            f"calibrated, safe limit {wanted.safe_limit_db_spl:g} dB SPL"
            if known
            else "not calibrated: levels at the ear are not known",
        ),
    ]


def _markers(rig: Rig) -> list[tuple[bool, str]]:
    settings = rig.markers.model_dump(mode="json")
    open_markers(settings).close()
    where = settings.get("port") or settings.get("address") or settings.get("stream")
    return [(True, f"{settings['kind']} {where} opens" if where else "none are sent")]


def _answers(rig: Rig) -> list[tuple[bool, str]]:
    box = open_box(rig.responses.model_dump(mode="json"))
    if box is None:
        return [(True, "keys")]
    box.close()
    return [(True, "the box opens: press each button once in a rehearsal")]


def _reward(rig: Rig) -> list[tuple[bool, str]]:
    if (asked := rig.reward) is None:
        return [(True, "none")]
    if asked.kind == "serial":
        SerialLine(asked.port, asked.line)
    else:
        ParallelPin(asked.address, asked.pin)
    return [(True, f"{asked.kind} line opens, and is low")]
