"""Experiments that play sounds: their files, the orders of the participants, and what their texts and README say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.builder.piece_code import questions_of
from synthstim.experiment.marker_codes import check_codes, write_markers
from synthstim.experiment.prepared import ExportRequest, Prepared, require_modality, require_no_words
from synthstim.experiment.rig import Rig
from synthstim.experiment.runtime.plan import PARTS, part_of
from synthstim.experiment.sounds import tones
from synthstim.experiment.sounds.files import SoundFiles, copy_sounds, make_tones, mean_level
from synthstim.experiment.sounds.headphones import FACTS, TONES, manifest_of
from synthstim.experiment.sounds.labels import answer_words, labels_of
from synthstim.experiment.sounds.levels import at_the_ear, calibration_notes, check_sounds, level_facts, sound_settings
from synthstim.experiment.sounds.orders import COLUMNS, HEARD, participants_trials
from synthstim.experiment.sounds.roles import Material, assign_roles
from synthstim.experiment.sounds.sound_set import measured, read_sound_set
from synthstim.experiment.trials.columns import meanings
from synthstim.experiment.trials.written import write_plan
from synthstim.recipe.schema import DEFAULT_LEVEL_DBFS

DEFAULT_RATE_HZ = 48000
DEFAULT_PARTICIPANTS = 20
# A dark grey, as a display value from 0 to 255.
BACKGROUND = 64
# For the estimate of how long it takes.
_ANSWER_S, _CHOICE_S, _PAGES_S = 5.0, 2.0, 180.0


def prepare_listening(request: ExportRequest, directory: Path) -> Prepared:
    """Write sounds, plan.tsv, the participants' conditions files and markers.tsv into the folder of an experiment.

    Raises:
        InputError: the set, a setting, the labels or the answers cannot be used.
    """
    values = request.setup.settings
    material = _material(request)
    sounds = SoundFiles(directory)
    (directory / "stimuli").mkdir()
    if material is not None and request.source is not None:
        copy_sounds(sounds, request.source, material)
    rig = request.setup.rig
    rate, level = _rate_and_level(request, sounds)
    make_tones(sounds, rate, level, checked=values.get("check_headphones", True))
    check_sounds(rig, directory, sounds.entries, rate)
    at_the_ear(rig, sounds.entries)
    check_codes(sounds.entries[-1]["marker_code"], rig)
    write_markers(directory / "markers.tsv", [entry["stimulus_id"] for entry in sounds.entries], rig)
    conditions = len(material.sound_set.conditions) if material else 1
    participants = values["participants"] or conditions * math.ceil(DEFAULT_PARTICIPANTS / conditions)
    plans = participants_trials(sounds, material, participants=participants, seed=values["seed"])
    slots = [TONES, *([HEARD] if material is not None else [])]
    columns = COLUMNS if material is not None else ()
    write_plan(directory, plans, slots, columns, {entry["stimulus_id"]: entry["file"] for entry in sounds.entries})
    counted = {
        part: max(sum(part_of({"phase": trial.phase}) == part for trial in plan) for plan in plans) for part in PARTS
    }
    manifest: dict[str, Any] = {
        "modality": "sound", "participants": participants, "trials": counted, "slots": slots, "masks": [], "columns": list(columns),
        "questions": questions_of(request.protocol), "asks": True, "design": {"method": {"kind": "constant"}, "task": "identify"},
    }  # fmt: skip
    manifest |= (
        _manifest(material, sounds, values)
        | manifest_of(sounds, rate_hz=rate, level_dbfs=level)
        | level_facts(rig, level)
        | {"sound": sound_settings(rig)}
    )
    manifest["criteria"]["catch_pass"] = values.get("catch_pass")
    return Prepared(
        facts=_facts(material, sounds, counted, values),
        manifest=manifest,
        settings={"participant": None, "sound": sound_settings(rig)},
        page=_page(material, sounds)
        | {
            "manifest": manifest,
            "last_code": sounds.entries[-1]["marker_code"],
            "columns": meanings(columns, slots, at_ear=rig.sound.calibration is not None),
        },
        background=BACKGROUND,
        screen_matters=False,
        notes=calibration_notes(rig, request.source.provenance if request.source is not None else {}),
    )


def _material(request: ExportRequest) -> Material | None:
    """What the set offers; None where only the headphones are checked."""
    protocol = request.protocol
    if request.source is not None:
        require_modality(request.source, "sound", protocol.name)
        request.source.require_intact()
    if protocol.stimuli == "tones":
        require_no_words(request)
        return None
    if request.source is None:
        raise InputError(f"{protocol.name} plays the sounds of a set", "give one")
    sound_set = read_sound_set(request.source, include=request.setup.settings["include"])
    labels = labels_of(sound_set.recordings, request.labels)
    words = answer_words(labels.values(), request.answers)
    return Material(sound_set, labels, words, assign_roles(sound_set, labels, request.setup.settings))


def _rate_and_level(request: ExportRequest, sounds: SoundFiles) -> tuple[int, float]:
    """The rate of every sound in Hz, and the level in dBFS of those that are made: as loud as the set's, on average."""
    values, found = request.setup.settings, sounds.heard
    if not found and request.source is not None:
        found = [measured(request.source.path(file), Path(file).name) for file in request.source.table["file"]]
    rate = values.get("rate_hz") or (found[0]["rate_hz"] if found else DEFAULT_RATE_HZ)
    level = _asked_level(values, request.setup.rig)
    if level is None:
        level = mean_level([entry["level_dbfs"] for entry in found]) if found else DEFAULT_LEVEL_DBFS
    return rate, min(tones.LOUDEST_DBFS, level)


def _asked_level(values: Mapping[str, Any], rig: Rig) -> float | None:
    level, at_ear = values.get("level_dbfs"), values.get("level_db_spl")
    if at_ear is None:
        return level
    if level is not None:
        raise InputError("the level is given twice", "give level_dbfs or level_db_spl")
    level = rig.sound.dbfs_of(at_ear)
    if level > tones.LOUDEST_DBFS:
        raise InputError(
            f"{at_ear:g} dB SPL is {level:.1f} dB re full scale on this rig, where the noise may have at most {tones.LOUDEST_DBFS:g}",
            "ask for less, or turn the amplifier up and measure again",
            code="unattainable",
        )
    return level


def _facts(
    material: Material | None, sounds: SoundFiles, trials: Mapping[str, int], values: Mapping[str, Any]
) -> dict[str, Any]:
    lasts = [entry["duration_s"] for entry in sounds.heard]
    mean_s = sum(lasts) / len(lasts) if lasts else 0.0
    check_s = 3 * tones.TONE_S + 2 * tones.GAP_S + values["lead_s"] + _CHOICE_S
    heard_s = (trials["practice"] + trials["main"]) * (mean_s + values["lead_s"] + _ANSWER_S)
    return {
        "minutes": f"{(_PAGES_S + trials['headphone'] * check_s + heard_s) / 60:.1f}",
        "n_trials": trials["main"],
        "n_demo": trials["practice"],
        "n_words": len(material.words) if material else 0,
    } | FACTS


def _manifest(material: Material | None, sounds: SoundFiles, values: Mapping[str, Any]) -> dict[str, Any]:
    entries: dict[str, Any] = {
        "n_catch": 0,
        "conditions": [],
        "words": [],
        "left_out": [],
        "left_out_sources": [],
        "stimuli": sounds.entries,
    }
    if material is not None:
        entries |= {
            "n_catch": len(material.roles.catch),
            "conditions": [asdict(condition) for condition in material.sound_set.conditions],
            "words": list(material.words),
            "also": {label.word: list(label.also) for label in material.labels.values() if label.also},
            "left_out": [asdict(missing) for missing in material.sound_set.left_out],
            "left_out_sources": material.left_out_sources,
        }
    return entries


def _page(material: Material | None, sounds: SoundFiles) -> dict[str, Any]:
    if material is None:
        return {"roles": None, "failed": 0, "levels": None, "reasons": {}, "unused": 0, "only_labels": False}
    levels = [entry["level_dbfs"] for entry in sounds.heard]
    return {
        "roles": material.roles,
        "failed": sum(entry["status"] == "failed" for entry in sounds.heard),
        "levels": (min(levels), max(levels)),
        "reasons": Counter(missing.condition for missing in material.sound_set.left_out),
        "unused": material.sound_set.unused,
        "only_labels": set(material.words) == set(answer_words(material.labels.values(), None)),
    }
