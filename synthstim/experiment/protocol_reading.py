"""Reading protocols: a folder with its shared parts and settings put in, and what it names looked up."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import RootModel

from synthstim.errors import InputError, nearest
from synthstim.experiment.builder.patches import with_patches
from synthstim.experiment.builder.piece_rules import check_pieces
from synthstim.experiment.builder.routine import SKIPS, Parts, Step
from synthstim.experiment.design.schema import MASK
from synthstim.experiment.marker_codes import CODES
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.setting import Identifier, Setting, value_of
from synthstim.recipe import read_yaml, validate

FILE, README = "protocol.yaml", "README.md.j2"


class Groups(RootModel[dict[Identifier, dict[Identifier, Setting]]]):
    """Settings that protocols share, by group: protocols/settings.yaml."""


def protocols_folder() -> Path:
    """Where the protocols are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "protocols", package.parent / "protocols"):
        if folder.is_dir():
            return folder
    raise InputError("the protocols are missing from this installation", "install synthstim again")


def read_folder(folder: Path) -> Protocol:
    """Read the protocol of a folder and check that what it names exists.

    Raises:
        InputError: the folder holds none, its file is wrong, or a file of it lies elsewhere.
    """
    folder = folder.resolve()
    path = folder / FILE
    if not path.is_file():
        raise InputError(
            f"{folder} is not a protocol; expected a folder with {FILE}",
            "check the path, or begin one with synthstim protocols new",
            code="missing",
        )
    for file in (path, folder / README):
        if file.exists() and file.resolve().parent != folder:
            raise InputError(f"{file.name} of {folder} is a link to another folder", "copy the file into it")
    protocol = validate(read_yaml(path), Protocol)
    if protocol.name != folder.name:
        raise InputError(f"{path.name} of {folder.name} calls itself {protocol.name!r}", "give both the same name")
    protocol = _with_patches(_with_settings(_with_parts(protocol)))
    _check_references(protocol)
    if bool(protocol.flow) == (protocol.stimuli == "files"):
        does = "presents files with a device of the lab's: leave flow out" if protocol.flow else "has no flow: give one"
        raise InputError(f"{protocol.name} {does}")
    if protocol.stimuli == "movies" and protocol.plan not in ("randomised_blocks", "trials"):
        raise InputError(
            f"{protocol.name} shows movies and its plan is {protocol.plan}: set plan to trials or randomised_blocks"
        )
    if protocol.stimuli == "odours" and protocol.plan != "trials":
        raise InputError(f"{protocol.name} presents odours and its plan is {protocol.plan}: set plan to trials")
    if (protocol.design is None) == (protocol.plan == "trials"):
        does = (
            "plans trials and has no design: give one"
            if protocol.design is None
            else f"has a design: set plan to trials, not {protocol.plan}"
        )
        raise InputError(f"{protocol.name} {does}")
    slots = (*protocol.design.slots, *_tones(protocol)) if protocol.design is not None else protocol.slots
    check_pieces(protocol.name, protocol.stimuli, protocol.plan, protocol.routines, protocol.flow, slots)
    protocol._home = folder
    return protocol


@cache
def _shared(path: Path, model: type[Parts] | type[Groups]) -> Any:
    """What protocols share, read once: reading YAML is most of what listing them takes."""
    return validate(read_yaml(path), model).root


def _with_parts(protocol: Protocol) -> Protocol:
    """Put each part's steps where the flow names it, and what they need into the protocol."""
    if not any(step.part for step in _steps(protocol.flow)):
        return protocol
    parts = _shared(protocols_folder() / "parts.yaml", Parts)
    added: dict[str, dict[str, Any]] = {"settings": {}, "texts": {}, "routines": {}}

    def whole(steps: tuple[Step, ...]) -> tuple[Step, ...]:
        flow: list[Step] = []
        for step in steps:
            each = whole(step.each)
            if not step.part:
                flow.append(step.model_copy(update={"each": each}))
                continue
            _require(protocol, step.part, parts, "part")
            shared = parts[step.part]
            flow += [_given(one, each).model_copy(update={"when": step.when or one.when}) for one in whole(shared.flow)]
            for name, into in added.items():
                into |= getattr(shared, name)
        return tuple(flow)

    flow = whole(protocol.flow)
    # What the protocol says itself comes first: a text of a part can be worded anew.
    merged = {name: into | getattr(protocol, name) for name, into in added.items()}
    return protocol.model_copy(update={**merged, "flow": flow})


def _with_patches(protocol: Protocol) -> Protocol:
    """Put the photodiode's patch into trials that show images or movies."""
    if protocol.design is None or not protocol.shows:
        return protocol
    masks = protocol.design.slots_of(MASK)
    return protocol.model_copy(update={"routines": with_patches(protocol.routines, masks)})


def _given(step: Step, each: tuple[Step, ...]) -> Step:
    """A step of a part, with what the part was given where it says ``inner``."""
    if not step.each:
        return step
    inside = tuple(one for inner in step.each for one in (each if inner.inner else (_given(inner, each),)))
    return step.model_copy(update={"each": inside})


def _tones(protocol: Protocol) -> tuple[str, ...]:
    return ("tones",) if any(step.loop == "headphone_trials" for step in _steps(protocol.flow)) else ()


def _with_settings(protocol: Protocol) -> Protocol:
    groups = _shared(protocols_folder() / "settings.yaml", Groups)
    settings = dict(protocol.settings)
    for group in dict.fromkeys((protocol.stimuli, protocol.plan, *protocol.shared)):
        _require(protocol, group, groups, "group of settings")
        settings |= {name: setting for name, setting in groups[group].items() if name not in settings}
    for name, value in (protocol.design.settings if protocol.design is not None else {}).items():
        _require(protocol, name, settings, "setting")
        settings[name] = settings[name].model_copy(update={"default": value_of(name, settings[name], value)})
    return protocol.model_copy(update={"settings": settings})


def _check_references(protocol: Protocol) -> None:
    for step in _steps(protocol.flow):
        _require(protocol, step.routine, protocol.routines, "routine")
        _require(protocol, step.when, protocol.settings, "setting")
    names: list[str] = []
    for routine in protocol.routines.values():
        _require(protocol, routine.marker, CODES, "marker")
        _require(protocol, routine.skip, SKIPS, "condition for skipping")
        for piece in routine.pieces:
            for duration in (*piece.start, *piece.frames):
                _require(protocol, duration, protocol.durations, "duration in ms")
            _require(protocol, piece.when, protocol.settings, "setting")
            _require(protocol, piece.radius, _degrees(protocol), "setting in degrees")
            _require(protocol, piece.after, protocol.settings, "setting")
            _require(protocol, piece.text, protocol.texts, "text")
            for coordinate in piece.at:
                if isinstance(coordinate, str):
                    _require(protocol, coordinate.lstrip("-"), _degrees(protocol), "setting in degrees")
            for clicked in piece.click:
                _require(protocol, clicked, [other.name for other in routine.pieces], "piece of the routine")
            _require(protocol, piece.shown_in, [other.name for other in routine.pieces], "piece of the routine")
            if piece.name in (*names, *protocol.slots) or piece.name in protocol.routines:
                raise InputError(f"{protocol.name} uses the name {piece.name!r} twice", "make it unique")
            names.append(piece.name)


def _degrees(protocol: Protocol) -> list[str]:
    return [name for name, setting in protocol.settings.items() if setting.units == "deg"]


def _require(protocol: Protocol, name: str, known: Any, noun: str) -> None:
    if name and name not in known:
        raise InputError(
            f"{protocol.name} names the {noun} {name!r}, which it lacks: {nearest(name, known)}", code="missing"
        )


def _steps(flow: tuple[Step, ...]) -> list[Step]:
    return [inner for step in flow for inner in (step, *_steps(step.each))]
