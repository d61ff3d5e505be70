"""Levels of an experiment's sounds at the ear, by the rig's calibration, and that none is louder than is safe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.rig import Rig
from synthstim.experiment.runtime.loudness import too_loud
from synthstim.experiment.sounds.tones import FREQUENCY_HZ

# Calibrations of one rig on two days differ by less.
SAME_DB = 0.5


def sound_settings(rig: Rig) -> dict[str, Any]:
    """What settings.json says of the sound: device, rate, check, and the levels that the script holds to."""
    speakers = rig.sound
    return {
        "check": True,
        "device": speakers.device,
        "full_scale_db_spl": speakers.most_db_spl_at_full_scale,
        "safe_limit_db_spl": speakers.safe_limit_db_spl,
    }


def with_volume(settings: Mapping[str, Any], rig: Rig) -> dict[str, Any]:
    """Settings in which it is decided who sets the volume: as asked; else the participant, or nobody where the rig was calibrated.

    Raises:
        InputError: a participant is to change the volume of a calibrated rig.
    """
    if "set_volume" not in settings:
        return dict(settings)
    calibrated = rig.sound.calibration is not None
    if settings["set_volume"] and calibrated:
        raise InputError(
            "set_volume=true given for a calibrated rig, whose levels hold at one volume only",
            "leave it out, or take sound.calibration out of rig.yaml",
            code="mismatch",
        )
    asked = settings["set_volume"]
    return {**settings, "set_volume": not calibrated if asked is None else asked}


def check_sounds(rig: Rig, directory: Path, entries: Iterable[Mapping[str, Any]], rate_hz: int) -> None:
    """Check that the rig plays the sounds of an experiment's folder as they are, and that all are safe.

    Raises:
        InputError: the rig has another rate, or a file is louder than the safe limit.
    """
    if rig.sound.rate_hz not in (None, rate_hz):
        raise InputError(
            f"the sounds are at {rate_hz} Hz, the rig plays at {rig.sound.rate_hz} Hz and would resample them",
            "set the device and sound.rate_hz of rig.yaml to that of the sounds, or make them at the rig's",
            code="mismatch",
        )
    if said := too_loud(directory, [entry["file"] for entry in entries], sound_settings(rig)):
        raise InputError(said, "make the sounds softer: the limit is on their loudest 125 ms", code="too-large")


def calibration_notes(rig: Rig, provenance: Mapping[str, Any]) -> tuple[str, ...]:
    """What to say where a set was made for levels at the ear that are others on this rig."""
    if not (made_for := provenance.get("calibration")):
        return ()
    meant = made_for["db_spl"] - made_for["at_dbfs"]
    if rig.sound.calibration is None:
        return (
            "the set was made for levels at the ear, but this rig has no calibration: nobody knows what they are here",
        )
    off = rig.sound.calibration.db_spl_of(0) - meant
    if abs(off) < SAME_DB:
        return ()
    return (
        f"the set was made for {meant:g} dB SPL at full scale, this rig has {meant + off:g}: its sounds are"
        f" {abs(off):.1f} dB {'louder' if off > 0 else 'softer'} than was asked for",
    )


def at_the_ear(rig: Rig, entries: Iterable[dict[str, Any]]) -> None:
    """Write the level at the ear into the entries that have one re full scale; nothing without a calibration."""
    for entry in entries:
        if entry.get("level_dbfs") is not None and rig.sound.calibration is not None:
            entry["level_db_spl"] = rig.sound.db_spl_of(entry["level_dbfs"])


def level_facts(rig: Rig, level_dbfs: float) -> dict[str, Any]:
    """What the manifest says of the level of the sounds that are made at export, beside their level re full scale."""
    measured = rig.sound.calibration
    if measured is None:
        return {}
    facts = {"level_db_spl": rig.sound.db_spl_of(level_dbfs)}
    if measured.by_frequency is not None:
        # The tones of the headphone check are the one sound of a single frequency.
        facts["tones_db_spl"] = round(measured.by_frequency.at(FREQUENCY_HZ) + level_dbfs - measured.at_dbfs, 2)
    return facts
