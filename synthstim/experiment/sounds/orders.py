"""What each participant hears in a listening test, in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from synthstim.experiment.design.plan import CATCH, PlannedTrial
from synthstim.experiment.sounds.balance import balanced_conditions, order_of, rests_before, with_catch
from synthstim.experiment.sounds.files import Key, SoundFiles
from synthstim.experiment.sounds.headphones import headphone_trials, member_of
from synthstim.experiment.sounds.roles import Material
from synthstim.experiment.sounds.sound_set import NATURAL

# The slot of a trial that holds the recording or its metamer, and the columns of the conditions.
HEARD = "heard"
COLUMNS = ("source", "observer", "layer")


def participants_trials(
    sounds: SoundFiles, material: Material | None, *, participants: int, seed: int
) -> list[list[PlannedTrial]]:
    """Every participant's trials: headphone check, demonstration, main part.

    Args:
        material: what the set offers; None where only the headphones are checked.
        seed: the same seed gives the same orders.
    """
    assigned: list[list[int]] = [[]] * participants
    if material is not None:
        sources, conditions = len(material.roles.main), len(material.sound_set.conditions)
        assigned = balanced_conditions(sources, conditions, participants=participants, seed=seed)
    plans = []
    for number in range(1, participants + 1):
        trials = headphone_trials(sounds, number, seed=seed)
        if material is not None:
            trials += _demonstration(sounds, material) + _main(sounds, material, assigned[number - 1], number, seed)
        plans.append(trials)
    return plans


def _trial(sounds: SoundFiles, phase: str, key: Key) -> PlannedTrial:
    entry = sounds.entries[sounds.numbers[key]]
    columns = {name: str(entry[name]) for name in COLUMNS if entry[name] is not None}
    return PlannedTrial(
        phase, entry["condition"], {HEARD: member_of(entry)}, str(entry["word"]), columns, pair=entry["source"]
    )


def _demonstration(sounds: SoundFiles, material: Material) -> list[PlannedTrial]:
    """Natural first, then through the stages, where the source has one."""
    names = [condition.condition for condition in material.sound_set.conditions]
    keys = [(source, names[trial % len(names)]) for trial, source in enumerate(material.roles.demo)]
    return [_trial(sounds, "practice", key if key in sounds.numbers else (key[0], NATURAL)) for key in keys]


def _main(
    sounds: SoundFiles, material: Material, assigned: Sequence[int], number: int, seed: int
) -> list[PlannedTrial]:
    names = [condition.condition for condition in material.sound_set.conditions]
    keys = [(source, names[condition]) for source, condition in zip(material.roles.main, assigned, strict=True)]
    # With missing=leave_out_trial, what cannot be heard is not planned; the manifest says so.
    keys = [key for key in keys if key in sounds.numbers]
    catch = [(source, NATURAL) for source in material.roles.catch]
    mixed = with_catch(order_of(number, len(keys), seed=seed), len(catch), participant=number, seed=seed)
    rests = rests_before(len(mixed))
    return [
        dataclasses.replace(
            _trial(sounds, CATCH if is_catch else "main", catch[which] if is_catch else keys[which]),
            rest=trial in rests,
        )
        for trial, (is_catch, which) in enumerate(mixed)
    ]
