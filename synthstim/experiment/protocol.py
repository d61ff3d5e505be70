"""Protocols: what is shown, when, and what can be set; each is a folder with protocol.yaml and README.md.j2."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, RootModel

from synthstim.errors import InputError, nearest
from synthstim.experiment.builder.patches import with_patches
from synthstim.experiment.builder.piece_rules import check_pieces
from synthstim.experiment.builder.routine import SKIPS, Parts, Routine, Step
from synthstim.experiment.design.schema import MASK, Design
from synthstim.experiment.marker_codes import CODES
from synthstim.experiment.setting import NAME_PATTERN, Identifier, ProtocolPart, Setting, value_of
from synthstim.modalities import MODALITIES, own_names
from synthstim.recipe import read_yaml, validate

FILE, README = "protocol.yaml", "README.md.j2"


class Groups(RootModel[dict[Identifier, dict[Identifier, Setting]]]):
    """Settings that protocols share, by group: protocols/settings.yaml."""


class Protocol(ProtocolPart):
    """A protocol as protocol.yaml describes it.

    ``stimuli`` and ``plan`` name what prepares the files and what orders the presentations (``files`` are presented by a
    device of the lab's, without a flow); ``shared`` names groups of
    settings of protocols/settings.yaml, which ``read_folder`` adds to its own.

    Example:
        >>> protocol = read_folder(protocols_folder() / "passive_fixation")
        >>> protocol.resolve({"on_ms": "50"})["on_ms"]
        50.0
    """

    name: str = Field(pattern=NAME_PATTERN)
    title: str
    summary: str
    warnings: tuple[str, ...] = ()
    stimuli: Literal["images", "movies", "sounds", "tones", "odours", "files"]
    plan: Literal["randomised_blocks", "balanced_conditions", "participants", "trials"]
    paper: str = ""
    shared: tuple[str, ...] = ()
    settings: dict[Identifier, Setting] = Field(default_factory=dict)
    texts: dict[Identifier, str] = Field(default_factory=dict)
    routines: dict[Identifier, Routine] = Field(default_factory=dict)
    flow: tuple[Step, ...] = ()
    design: Design | None = None

    _home: Path = PrivateAttr(default=Path("."))

    @property
    def home(self) -> Path:
        """The folder that it was read from."""
        return self._home

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every setting's value: what was given, checked, or its default.

        Args:
            given: values by name, as numbers and booleans or as the text typed on a command line.

        Raises:
            InputError: a name is unknown or a value is not what the setting wants.
        """
        for name in given:
            if name not in self.settings:
                raise InputError(f"{self.name} has no setting {name!r}, {nearest(name, self.settings)}", code="unknown")
        return {
            name: value_of(name, setting, given[name]) if name in given else setting.default
            for name, setting in self.settings.items()
        }

    @property
    def modality(self) -> str:
        """The modality of what is shown or played; tones are sounds."""
        return next((name for name in own_names() if MODALITIES[name].plural == self.stimuli), own_names()[-1])

    @property
    def shows(self) -> bool:
        """Whether stimuli are shown; others are played."""
        return self.stimuli == "images"

    @property
    def plays(self) -> bool:
        """Whether stimuli are played; others are shown, or an olfactometer presents them."""
        return self.stimuli in ("sounds", "tones")

    @property
    def slots(self) -> tuple[str, ...]:
        """The places of a trial that hold a stimulus; of one that holds tones, "tones"."""
        held = [piece.slot for routine in self.routines.values() for piece in routine.pieces if piece.slot]
        return tuple(dict.fromkeys(held))

    @property
    def adaptive(self) -> bool:
        """Whether a rule chooses what is shown, from the answers."""
        return self.design is not None and self.design.method.kind != "constant"

    @property
    def aborts(self) -> bool:
        """Whether a gaze that leaves ends a trial."""
        return any(piece.piece in ("look", "hold") for routine in self.routines.values() for piece in routine.pieces)

    @property
    def durations(self) -> list[str]:
        """The settings that are durations in ms."""
        return [name for name, setting in self.settings.items() if setting.units == "ms"]


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
    if protocol.stimuli == "movies" and protocol.plan != "randomised_blocks":
        raise InputError(f"{protocol.name} shows movies and its plan is {protocol.plan}: set plan to randomised_blocks")
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
    """Put the photodiode's patch into trials that show images."""
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
