"""What an experiment made of trials presents its stimuli with, and what that asks of them: a screen, speakers, an olfactometer."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.builder.pieces import Setup
from synthstim.experiment.design.plan import PlannedTrial
from synthstim.experiment.design.table import ID
from synthstim.experiment.images.light import light_facts
from synthstim.experiment.images.positions import own_places, own_settings
from synthstim.experiment.odours.valves import add_flows, valve_facts
from synthstim.experiment.protocol import Protocol
from synthstim.experiment.sounds.files import SoundFiles, make_tones, mean_level
from synthstim.experiment.sounds.headphones import FACTS, headphone_trials, manifest_of
from synthstim.experiment.sounds.levels import at_the_ear, check_sounds, level_facts, sound_settings
from synthstim.experiment.sounds.tones import LOUDEST_DBFS, SPEAKERS
from synthstim.experiment.trials.places import check_places, places_of
from synthstim.stimulus_set import StimulusSet

Plans = list[list[PlannedTrial]]


@dataclass(frozen=True)
class HowPresented:
    """The plans, with what is done before the trials, and what manifest, settings and pages of an export say of the device."""

    plans: Plans
    manifest: dict[str, Any]
    facts: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    page: dict[str, Any] = field(default_factory=dict)


def require_devices(protocol: Protocol, setup: Setup) -> None:
    """Raise InputError unless the rig has what the protocol cannot do without."""
    if protocol.aborts and setup.rig.eye_tracker is None:
        raise InputError(
            f"{protocol.name} watches the gaze, and the rig has no eye_tracker",
            "add it to rig.yaml; eye_tracker: {kind: mouse} tries it without one",
            code="missing",
        )
    if protocol.stimuli == "odours" and setup.rig.olfactometer is None:
        raise InputError(
            f"{protocol.name} presents odours, and the rig has no olfactometer",
            "add it to rig.yaml; olfactometer: {kind: simulated, channels: 16} tries it without one",
            code="missing",
        )


def present(
    protocol: Protocol,
    setup: Setup,
    source: StimulusSet,
    directory: Path,
    entries: list[dict[str, Any]],
    plans: Plans,
    held: Mapping[str, Sequence[Mapping[str, Any]]],
) -> HowPresented:
    """Check that the rig presents the stimuli as they are, and write what it needs into the folder of the experiment.

    Args:
        directory: the experiment's folder, where the stimuli are by now.
        entries: of the stimuli in the manifest; what is measured is added, and sounds that are made at export.

    Raises:
        InputError: a stimulus cannot be presented.
    """
    if protocol.shows:
        return _on_screen(protocol, setup, entries, plans, held)
    if protocol.plays:
        return _by_speakers(setup, directory, entries, plans)
    return _by_valves(setup, source, directory, entries, plans)


def _on_screen(
    protocol: Protocol,
    setup: Setup,
    entries: Sequence[dict[str, Any]],
    plans: Plans,
    held: Mapping[str, Sequence[Mapping[str, Any]]],
) -> HowPresented:
    places = places_of(protocol, setup)
    for entry in entries:
        if own_places(entry["columns"]):
            own = dataclasses.replace(setup, settings=own_settings({**entry["columns"], ID: entry[ID]}, setup.settings))
            entry["places"] = places_of(protocol, own)
    check_places(protocol, setup, places, held)
    return HowPresented(plans, _unchecked() | {"places": places, "light": light_facts(setup.settings, setup.rig)})


def _by_speakers(setup: Setup, directory: Path, entries: list[dict[str, Any]], plans: Plans) -> HowPresented:
    plans, told = _with_tones(plans, SoundFiles(directory, entries), setup.settings)
    check_sounds(setup.rig, directory, entries, told["rate_hz"])
    at_the_ear(setup.rig, entries)
    told |= level_facts(setup.rig, told["level_dbfs"]) | {SPEAKERS: sound_settings(setup.rig)}
    return HowPresented(plans, told, FACTS)


def _by_valves(
    setup: Setup, source: StimulusSet, directory: Path, entries: list[dict[str, Any]], plans: Plans
) -> HowPresented:
    olfactometer = setup.rig.olfactometer
    assert olfactometer is not None
    add_flows(entries, olfactometer, setup.settings, directory)
    # The session tells it by the rig's entry, and by how long odours and purges last.
    lasts = {name: setup.settings[name] for name in ("odour_s", "purge_s")}
    settings = {"olfactometer": olfactometer.model_dump(mode="json") | lasts}
    return HowPresented(plans, _unchecked(), settings=settings, page=valve_facts(source, directory))


def _unchecked() -> dict[str, Any]:
    """What the manifest says where no headphones are checked."""
    return {"criteria": {"headphone_trials": 0, "headphone_pass": 0}}


def _with_tones(
    plans: list[list[PlannedTrial]], sounds: SoundFiles, values: Mapping[str, Any]
) -> tuple[list[list[PlannedTrial]], dict[str, Any]]:
    """The plans with the headphone check before them, and what the manifest says of it."""
    played = list(sounds.entries)
    rate, level = played[0]["rate_hz"], min(LOUDEST_DBFS, mean_level([entry["level_dbfs"] for entry in played]))
    make_tones(sounds, rate, level, checked=values["check_headphones"])
    checks = [headphone_trials(sounds, number, seed=values["seed"]) for number in range(1, len(plans) + 1)]
    told = manifest_of(sounds, rate_hz=rate, level_dbfs=level)
    return [[*check, *plan] for check, plan in zip(checks, plans, strict=True)], told
