"""What an export has prepared of a set for one kind of experiment, and the rest of it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.sounds.labels import Labels
from synthstim.modalities import MODALITIES, modality_of_file
from synthstim.stimulus_set import StimulusSet


@dataclass(frozen=True)
class ExportRequest:
    """What is to be exported.

    Attributes:
        source: the set, or None for an experiment that makes its own stimuli.
        protocol: what is shown or played, when.
        setup: the rig, the settings' values and the durations in frames.
        labels: what was said in each recording.
        answers: a file of words that may be answered.
        table: a table of further columns of the stimuli.
        called: what the README and the manifest call the set.
    """

    source: StimulusSet | None
    protocol: Protocol
    setup: Setup
    labels: Labels = None
    answers: str | Path | None = None
    table: str | Path | None = None
    called: str | None = None


@dataclass(frozen=True)
class Prepared:
    """What was written of it, and how the experiment goes on from there.

    Attributes:
        facts: figures that the protocol's texts may name.
        manifest: what goes into manifest.json beside what every experiment has.
        settings: what goes into settings.json, likewise.
        page: what the README's template may name.
        background: level of the screen, 0 to 255.
        blocks: how many there are.
        notes: what the person who exports must know, a sentence each.
        protocol: the protocol as it is built, where the set decides of its answers.
        screen_matters: whether a display other than the rig's stops the run, where the rig says so.
    """

    facts: Mapping[str, Any]
    manifest: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    page: Mapping[str, Any] = field(default_factory=dict)
    background: int = 128
    blocks: int = 1
    protocol: Protocol | None = None
    screen_matters: bool = True
    notes: tuple[str, ...] = ()


def require_no_words(request: ExportRequest) -> None:
    """Raise InputError where words are given to a protocol that asks for none."""
    if request.labels is not None or request.answers is not None:
        raise InputError(f"{request.protocol.name} asks for no words", "leave labels and answers out")


def require_modality(stimulus_set: StimulusSet, wanted: str, protocol: str) -> None:
    """Raise InputError unless the set holds images, or sounds, as a protocol wants."""
    recorded = stimulus_set.provenance.get("modality")
    # A table made by hand may come without provenance of it.
    found = {recorded} if recorded else {_named(file) for file in stimulus_set.table["file"]}
    if other := sorted(str(kind) for kind in found - {wanted}):
        modality = MODALITIES[wanted]
        held = MODALITIES[other[0]].plural if other[0] in MODALITIES else f"stimuli of the modality {other[0]}"
        raise InputError(
            f"{stimulus_set.root.name} holds {held}, {protocol} {modality.presents} {modality.plural}",
            "choose another set or another protocol",
            code="mismatch",
        )


def _named(file: str) -> str | None:
    modality = modality_of_file(file)
    return modality.name if modality else None
