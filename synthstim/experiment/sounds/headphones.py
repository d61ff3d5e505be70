"""The headphone check and the noise that sets the volume: their sounds, trials and criteria, in every experiment that plays sounds."""

from __future__ import annotations

from typing import Any

from synthstim.experiment.design.material import Candidate
from synthstim.experiment.design.plan import PlannedTrial
from synthstim.experiment.sounds import tones
from synthstim.experiment.sounds.balance import order_of
from synthstim.experiment.sounds.files import SoundFiles

# The slot of a trial that holds the three tones.
TONES = "tones"


def headphone_trials(sounds: SoundFiles, participant: int, *, seed: int) -> list[PlannedTrial]:
    """The trials of a participant's headphone check, in their order; none where it is switched off."""
    check = [sounds.entries[sounds.numbers[key]] for key in sounds.made if key[1].startswith("headphone_")]
    return [
        PlannedTrial("headphone", "headphone", {TONES: member_of(check[item])}, str(check[item]["word"]))
        for item in order_of(participant, len(check), seed=seed)
    ]


def member_of(entry: dict[str, Any]) -> Candidate:
    """The sound of an entry of the manifest, as the plan holds it."""
    return Candidate(entry["stimulus_id"], entry["file"], entry["sha256"], entry["kind"], entry["status"])


def manifest_of(sounds: SoundFiles, *, rate_hz: int, level_dbfs: float) -> dict[str, Any]:
    """What the manifest says of rate, level and criteria."""
    checked = any(key[1].startswith("headphone_") for key in sounds.made)
    return {
        "rate_hz": rate_hz,
        "level_dbfs": level_dbfs,
        "fixed": {"level": sounds.entries[sounds.numbers["", "level"]]["file"]},
        "criteria": {"headphone_trials": tones.TRIALS * checked, "headphone_pass": tones.PASS * checked},
    }


FACTS = {"headphone_pass": tones.PASS, "headphone_trials": tones.TRIALS}
