"""Protocols: what is shown, when, and what can be set; each is a folder with protocol.yaml and README.md.j2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from synthstim.errors import InputError, nearest
from synthstim.experiment.plan import CODES
from synthstim.recipe import read_yaml, validate

_IDENTIFIER = r"^[a-z][a-z0-9_]{0,39}$"
Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]
Value = float | int | str | bool | None


class Part(BaseModel):
    """A part of protocol.yaml: it never changes and refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Setting(Part):
    """Something the user can set. A number in ``ms`` is a duration: pieces name it, the rig makes it whole frames."""

    type: Literal["number", "integer", "flag", "choice"]
    default: Value = None
    help: str
    units: str = ""
    min: float | None = None
    max: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def wanted(self) -> str:
        """What may be given, in words."""
        if self.type == "flag":
            return "true or false"
        if self.type == "choice":
            return "one of " + ", ".join(self.choices)
        noun = "a whole number" if self.type == "integer" else "a number"
        limits = [f"from {self.min:g}"] * (self.min is not None) + [f"to {self.max:g}"] * (self.max is not None)
        return " ".join([noun, *limits, self.units]).strip()


class Piece(Part):
    """A reusable component of a routine; see ``synthstim.experiment.pieces`` for the kinds.

    ``start`` and ``frames`` name durations among the settings; a list is their sum. Without ``frames`` it stays until
    the routine ends. ``when`` names a flag among the settings: the piece is left out where that is false.
    """

    piece: str
    name: str = Field(pattern=_IDENTIFIER)
    start: tuple[str, ...] = ()
    frames: tuple[str, ...] = ()
    text: str = ""
    keys: tuple[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], ...] = ()
    when: str = ""


class Routine(Part):
    """One routine: its pieces in the order of drawing, and the marker sent at its first flip."""

    pieces: tuple[Piece, ...]
    marker: str = ""
    skip_first: bool = False


class Step(Part):
    """A routine, or a loop over further steps."""

    routine: str = ""
    loop: Literal["", "blocks", "trials"] = ""
    each: tuple[Step, ...] = ()
    when: str = ""

    @model_validator(mode="after")
    def _one_of(self) -> Step:
        if bool(self.routine) == bool(self.loop) or bool(self.loop) != bool(self.each):
            raise ValueError("either 'routine', or 'loop' with 'each'")
        return self


class Groups(RootModel[dict[Identifier, dict[Identifier, Setting]]]):
    """Settings that protocols share, by group: protocols/settings.yaml."""


class Protocol(Part):
    """A protocol as protocol.yaml describes it.

    ``stimuli`` and ``plan`` name what prepares the files and what orders the presentations; ``shared`` names groups of
    settings of protocols/settings.yaml, which ``read_protocol`` adds to its own.

    Example:
        >>> protocol = read_protocol("passive_fixation")
        >>> protocol.resolve({"on_ms": "50"})["on_ms"]
        50.0
    """

    name: str = Field(pattern=_IDENTIFIER)
    title: str
    summary: str
    warnings: tuple[str, ...] = ()
    stimuli: Literal["images"]
    plan: Literal["randomised_blocks"]
    shared: tuple[str, ...] = ()
    settings: dict[Identifier, Setting]
    texts: dict[Identifier, str] = Field(default_factory=dict)
    routines: dict[Identifier, Routine]
    flow: tuple[Step, ...]

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Every setting's value: what was given, checked, or its default.

        Args:
            given: values by name, as numbers and booleans or as the text typed on a command line.

        Raises:
            InputError: a name is unknown or a value is not what the setting wants.
        """
        for name in given:
            if name not in self.settings:
                raise InputError(f"{self.name} has no setting {name!r}, {nearest(name, self.settings)}")
        return {
            name: _value(name, setting, given[name]) if name in given else setting.default
            for name, setting in self.settings.items()
        }

    @property
    def durations(self) -> list[str]:
        """The settings that are durations in ms."""
        return [name for name, setting in self.settings.items() if setting.units == "ms"]


def _value(name: str, setting: Setting, given: Any) -> Any:
    sentence = f"{name} is {str(given)[:80]!r}: wanted {setting.wanted}"
    text = str(given).strip().lower()
    if given is None or (setting.default is None and text in ("", "none")):
        if setting.default is None:
            return None
        raise InputError(sentence)
    if setting.type == "flag":
        if text not in ("true", "false", "yes", "no"):
            raise InputError(sentence)
        return text in ("true", "yes")
    if setting.type == "choice":
        if str(given) not in setting.choices:
            raise InputError(sentence)
        return str(given)
    if isinstance(given, bool):
        raise InputError(sentence)
    try:
        number = float(given)
    except (TypeError, ValueError):
        raise InputError(sentence) from None
    low = -math.inf if setting.min is None else setting.min
    high = math.inf if setting.max is None else setting.max
    if not (math.isfinite(number) and low <= number <= high) or (setting.type == "integer" and number != int(number)):
        raise InputError(sentence)
    return int(number) if setting.type == "integer" else number


def protocols_folder() -> Path:
    """Where the protocols are: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "protocols", package.parent / "protocols"):
        if folder.is_dir():
            return folder
    raise InputError("the protocols are missing from this installation: install synthstim again")


def list_protocols() -> list[str]:
    """The names of the protocols that come with this package.

    >>> "passive_fixation" in list_protocols()
    True
    """
    return sorted(path.parent.name for path in protocols_folder().glob("*/protocol.yaml"))


def read_protocol(name: str) -> Protocol:
    """Read a protocol by its name and check that what it names exists.

    Raises:
        InputError: there is no such protocol, or its file is wrong.
    """
    if name not in list_protocols():
        raise InputError(f"there is no protocol {name!r}, {nearest(name, list_protocols())}")
    path = protocols_folder() / name / "protocol.yaml"
    protocol = validate(read_yaml(path), Protocol)
    if protocol.name != name:
        raise InputError(f"{path.name} of {name} calls itself {protocol.name!r}: give both the same name")
    protocol = _with_shared(protocol)
    _check_references(protocol)
    return protocol


def _with_shared(protocol: Protocol) -> Protocol:
    groups = validate(read_yaml(protocols_folder() / "settings.yaml"), Groups).root
    settings = dict(protocol.settings)
    for group in dict.fromkeys((protocol.stimuli, protocol.plan, *protocol.shared)):
        _require(protocol, group, groups, "group of settings")
        settings |= {name: setting for name, setting in groups[group].items() if name not in settings}
    return protocol.model_copy(update={"settings": settings})


def _check_references(protocol: Protocol) -> None:
    for step in _steps(protocol.flow):
        _require(protocol, step.routine, protocol.routines, "routine")
        _require(protocol, step.when, protocol.settings, "setting")
    names: list[str] = []
    for routine in protocol.routines.values():
        _require(protocol, routine.marker, CODES, "marker")
        for piece in routine.pieces:
            for duration in (*piece.start, *piece.frames):
                _require(protocol, duration, protocol.durations, "duration in ms")
            _require(protocol, piece.when, protocol.settings, "setting")
            _require(protocol, piece.text, protocol.texts, "text")
            if piece.name in names or piece.name in protocol.routines:
                raise InputError(f"{protocol.name} uses the name {piece.name!r} twice: make it unique")
            names.append(piece.name)


def _require(protocol: Protocol, name: str, known: Any, noun: str) -> None:
    if name and name not in known:
        raise InputError(f"{protocol.name} names the {noun} {name!r}, which it lacks: {nearest(name, known)}")


def _steps(flow: tuple[Step, ...]) -> list[Step]:
    return [inner for step in flow for inner in (step, *_steps(step.each))]
