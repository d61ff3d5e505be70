"""Adaptive designs at export: the tracks, their candidates in order of the level, and the plan of their trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.experiment.design.material import Pool
from synthstim.experiment.design.method import Constant
from synthstim.experiment.design.pairs import Pair
from synthstim.experiment.design.plan import Counts, PlannedTrial, plan_tracks
from synthstim.experiment.design.schema import LETTERS, Design

FILE = "candidates.tsv"
MISSING = "n/a"
# How often one of two that are far from equal is taken for the other.
FAR_FROM_EQUAL = 0.02


def with_levels(pool: Pool, pairs: Sequence[Pair], design: Design) -> list[Pair]:
    """The pairs that an adaptive design goes over: those whose stimulus has a level; all of them where trials are constant.

    Raises:
        InputError: none has, or the column is missing.
    """
    if isinstance(design.method, Constant):
        return list(pairs)
    column = design.method.over
    pool.require((column,), "the method")
    kept = [pair for pair in pairs if pair.stimuli["a"].value(column) != MISSING]
    if not kept:
        raise InputError(
            f"the column {column!r} says nothing of the stimuli that are compared; expected the level that is adapted",
            "choose another column under over, or fill it in with --table",
            code="missing",
        )
    return kept


@dataclass(frozen=True)
class Adaptive:
    """The plan of an adaptive design, and what the manifest says of it."""

    plans: list[list[PlannedTrial]]
    manifest: dict[str, Any]


def adaptive_of(
    design: Design, pairs: Sequence[Pair], counts: Counts, directory: Path, entries: Sequence[Mapping[str, Any]]
) -> Adaptive | None:
    """Write candidates.tsv and plan the tracks; None where trials are constant.

    Raises:
        InputError: the column that is adapted is missing or holds no numbers, or there are too few levels.
    """
    method = design.method
    if isinstance(method, Constant):
        return None
    guess = _guess(design, pairs)
    by_track: dict[str, list[tuple[float, Pair]]] = {}
    for pair in pairs:
        by_track.setdefault(pair.condition, []).append((_level(pair, method.over), pair))
    files = {entry["stimulus_id"]: entry["file"] for entry in entries}
    lines = ["\t".join(("track", "level", "pair", *LETTERS))]
    tracks: dict[str, Mapping[str, str]] = {}
    rules: dict[str, dict[str, Any]] = {}
    for condition, found in by_track.items():
        for number in range(method.tracks):
            track = condition if method.tracks == 1 else f"{condition}/{number + 1}"
            tracks[track] = found[0][1].columns
            try:
                # As candidates.tsv has them: the runtime looks for the very numbers.
                rules[track] = method.rule([float(f"{level:.10g}") for level, _ in found], number, guess)
            except InputError as error:
                raise error.within(condition) from None
            for level, pair in sorted(found, key=lambda one: one[0]):
                shown = [
                    files[pair.stimuli[letter].stimulus_id] if letter in pair.stimuli else MISSING for letter in LETTERS
                ]
                lines.append("\t".join((track, f"{level:.10g}", pair.name, *shown)))
    (directory / FILE).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    levels = [level for found in by_track.values() for level, _ in found]
    conditions = {track: track.rpartition("/")[0] if method.tracks > 1 else track for track in tracks}
    return Adaptive(
        plan_tracks(design, tracks, conditions, method.trials, counts),
        {"levels": [min(levels), max(levels)], "over": method.over, "tracks": rules, "seed": counts.seed},
    )


def _guess(design: Design, pairs: Sequence[Pair]) -> float:
    """How often whoever knows nothing is right; where both are to be made equal, who hears one of them alone."""
    if design.task == "equality":
        return FAR_FROM_EQUAL
    column = design.column_of_right
    rights = {
        way.right if column is None else pair.stimuli["a"].value(column)
        for way in design.arrangements
        for pair in pairs
    }
    return 1 / max(2, len(rights))


def _level(pair: Pair, column: str) -> float:
    told = pair.stimuli["a"].value(column)
    try:
        level = float(told)
    except ValueError:
        level = math.nan
    if not math.isfinite(level):
        raise InputError(
            f"the column {column!r} says {told!r} of {pair.stimuli['a'].stimulus_id}; expected a number, the level that is adapted",
            "choose another column under over, or fill it in with --table",
        )
    return level
