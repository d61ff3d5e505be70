"""manifest.json of an exported experiment, read back and checked for what is asked of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synthstim.errors import InputError
from synthstim.experiment.setting import NAME_PATTERN

FILE = "manifest.json"


class ManifestPart(BaseModel):
    """A part of a manifest: only what is asked of it is declared, and nothing is taken for something else."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)


class Screen(ManifestPart):
    """The rig's display."""

    width_px: int = Field(ge=1, le=16384)
    height_px: int = Field(ge=1, le=16384)


class Port(ManifestPart):
    """Where markers go."""

    kind: str
    port: str = ""
    address: str = ""
    stream: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.port or self.address or self.stream}".strip()


class RecordedRig(ManifestPart):
    """The rig that was exported for."""

    monitor: Screen
    markers: Port = Port(kind="none")


class ShownStimulus(ManifestPart):
    """A stimulus of an experiment that shows images."""

    stimulus_id: str
    kind: str = "n/a"


class ViewingManifest(ManifestPart):
    """What was shown in an experiment."""

    stimuli: tuple[ShownStimulus, ...]


@dataclass(frozen=True)
class Condition:
    """What sources are heard as: the recording itself, or the metamer of a layer of an observer."""

    condition: str
    observer: str | None = None
    layer: str | None = None


class ManifestCriteria(ManifestPart):
    """What a participant must reach to be kept; nothing asks for nothing."""

    headphone_trials: int | None = None
    headphone_pass: int | None = None
    catch_pass: float | None = None


@dataclass(frozen=True)
class LeftOut:
    """A condition in which a source cannot be heard, and why."""

    source: str
    condition: str
    reason: str


class Heard(ManifestPart):
    """A sound of a listening test, the word that it says, and those that are right as well."""

    word: str | None = None
    also: tuple[str, ...] = ()
    kind: str = "n/a"


class ListeningManifest(ManifestPart):
    """What was asked in a listening test."""

    participants: int = Field(ge=1)
    conditions: tuple[Condition, ...] = Field(min_length=1)
    words: tuple[str, ...] = Field(min_length=1)
    criteria: ManifestCriteria
    n_catch: int = Field(ge=0)
    title: str = "Word listening"
    left_out: tuple[LeftOut, ...] = ()
    stimuli: tuple[Heard, ...] = ()


class Named(ManifestPart):
    """Which protocol an experiment is of."""

    protocol: str = Field(pattern=NAME_PATTERN)


class Experiment(ManifestPart):
    """What running an experiment needs to know of it."""

    protocol: str = Field(pattern=NAME_PATTERN)
    minutes: float = Field(ge=0)
    rig: RecordedRig
    rate_hz: int | None = None
    notes: tuple[str, ...] = ()


Kind = TypeVar("Kind", bound=ManifestPart)


def read_manifest(root: Path, kind: type[Kind]) -> Kind:
    """Read the manifest of an exported experiment.

    Raises:
        InputError: there is none, or it lacks something or holds something else.
    """
    content = read_manifest_text(root)
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "missing":
        raise InputError(
            f"{root / FILE} lacks {name!r}", "restore it from a copy, or export the set again", code="missing"
        )
    why = " ".join(f"{name}: {first['msg']}".removeprefix(": ").split())
    raise InputError(
        f"{root / FILE} is not the manifest of an experiment ({why})", "restore it from a copy, or export the set again"
    )


def read_manifest_text(root: Path) -> bytes:
    """The bytes of a manifest.

    Raises:
        InputError: the folder has none that can be read.
    """
    try:
        return (root / FILE).read_bytes()
    except OSError:
        raise InputError(f"{root} is not an exported experiment: it has no {FILE} that can be read") from None


def manifest_facts(root: Path, kind: type[ManifestPart]) -> dict[str, Any]:
    """The whole of a manifest that holds what is wanted of it."""
    read_manifest(root, kind)
    return dict(json.loads(read_manifest_text(root)))
