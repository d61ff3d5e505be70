"""What each participant hears, in order: the rows of their conditions files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from synthstim.experiment.runtime.trials import PARTS
from synthstim.experiment.sounds.balance import balanced_conditions, order_of, rests_before, with_catch
from synthstim.experiment.sounds.files import Key, SoundFiles
from synthstim.experiment.sounds.roles import Material
from synthstim.experiment.sounds.sound_set import NATURAL

# PsychoPy makes each column a variable and evaluates cells that look like lists: numbers and one path only.
COLUMNS = ("part_number", "trial_number", "item", "sound_file", "catch_trial", "rest_before")
Row = tuple[int, int, int, str, int, int]


def participants_rows(
    sounds: SoundFiles, material: Material | None, *, participants: int, seed: int
) -> list[list[Row]]:
    """Every participant's rows: headphone check, demonstration, main part.

    Args:
        sounds: the sounds of the experiment.
        material: what the set offers; None where only the headphones are checked.
        participants: how many there are.
        seed: the same seed gives the same orders.
    """
    check = [key for key in sounds.made if key[1].startswith("headphone_")]
    assigned: list[list[int]] = [[]] * participants
    if material is not None:
        sources, conditions = len(material.roles.main), len(material.sound_set.conditions)
        assigned = balanced_conditions(sources, conditions, participants=participants, seed=seed)
    orders = []
    for number in range(1, participants + 1):
        order = order_of(number, len(check), seed=seed)
        rows = [_row(sounds, "headphone", trial, check[item]) for trial, item in enumerate(order)]
        if material is not None:
            rows += _demo_rows(sounds, material) + _main_rows(sounds, material, assigned[number - 1], number, seed)
        orders.append(rows)
    return orders


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write a participant's conditions file."""
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def _row(sounds: SoundFiles, part: str, trial: int, key: Key, *, catch: bool = False, rest: bool = False) -> Row:
    item = sounds.numbers[key]
    return PARTS.index(part), trial, item, sounds.entries[item]["file"], int(catch), int(rest)


def _demo_rows(sounds: SoundFiles, material: Material) -> list[Row]:
    """Natural first, then through the stages, where the source has one."""
    names = [condition.condition for condition in material.sound_set.conditions]
    keys = [(source, names[trial % len(names)]) for trial, source in enumerate(material.roles.demo)]
    return [
        _row(sounds, "demo", trial, key if key in sounds.numbers else (key[0], NATURAL))
        for trial, key in enumerate(keys)
    ]


def _main_rows(sounds: SoundFiles, material: Material, assigned: Sequence[int], number: int, seed: int) -> list[Row]:
    names = [condition.condition for condition in material.sound_set.conditions]
    keys = [(source, names[condition]) for source, condition in zip(material.roles.main, assigned, strict=True)]
    # With missing=leave_out_trial, what cannot be heard is not planned; the manifest says so.
    keys = [key for key in keys if key in sounds.numbers]
    catch = [(source, NATURAL) for source in material.roles.catch]
    mixed = with_catch(order_of(number, len(keys), seed=seed), len(catch), participant=number, seed=seed)
    rests = rests_before(len(mixed))
    return [
        _row(sounds, "main", trial, catch[which] if is_catch else keys[which], catch=is_catch, rest=trial in rests)
        for trial, (is_catch, which) in enumerate(mixed)
    ]
