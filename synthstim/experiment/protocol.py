"""Protocols: what is shown, when, and what can be set; each is a folder with protocol.yaml and README.md.j2."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr

from synthstim.errors import InputError, nearest
from synthstim.experiment.builder.routine import Routine, Step
from synthstim.experiment.design.schema import Design
from synthstim.experiment.setting import NAME_PATTERN, Identifier, ProtocolPart, Setting, value_of
from synthstim.modalities import MODALITIES, own_names


class Protocol(ProtocolPart):
    """A protocol as protocol.yaml describes it.

    ``stimuli`` and ``plan`` name what prepares the files and what orders the presentations (``files`` are presented by a
    device of the lab's, without a flow); ``shared`` names groups of
    settings of protocols/settings.yaml, which ``read_folder`` adds to its own.

    Example:
        >>> from synthstim.experiment import read_protocol
        >>> protocol = read_protocol("passive_fixation")
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
        """Whether stimuli are shown on a screen; others are played, or an olfactometer presents them."""
        return self.stimuli in ("images", "movies")

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
