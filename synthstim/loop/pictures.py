"""What a generation showed for each goal, with what came of it, for its page: best first, beside the natural ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from synthstim.goals import GOALS
from synthstim.loop.generation import Generation
from synthstim.report.media import Media, Medium, media_of
from synthstim.report.numbers import number

# Of each goal and site; more are in the set.
MOST_SHOWN = 4
MOST_GROUPS = 60
_WHY = {"exploit": "made", "anchor": "shown again", "control": "control"}


@dataclass(frozen=True)
class Answered:
    """One stimulus of a group.

    Attributes:
        medium: as the page draws it.
        name: its id.
        why: why it was shown.
        words: the response that was measured, its standard error, and what was expected.
    """

    medium: Medium
    name: str
    why: str
    words: str


@dataclass(frozen=True)
class Group:
    """What was shown for one goal and target, and how many more there are."""

    goal: str
    target: str
    shown: list[Answered]
    more: int


def pictures_of(generation: Generation) -> tuple[Media, list[Group]]:
    """The groups of a generation that was measured, at most ``MOST_GROUPS`` of them."""
    stimuli = generation.stimuli
    files = dict(zip(stimuli.table["stimulus_id"].astype(str), stimuli.table["file"].astype(str), strict=True))
    plan = generation.plan[generation.plan["goal"].notna() & generation.plan["role"].isin(list(_WHY))]
    measured = generation.table("predicted.tsv")
    found = [
        _chosen(str(goal), str(target), GOALS[str(kind)].higher, part, measured[measured["site"] == target])
        for (goal, kind, target), part in plan.groupby(["goal", "kind", "target"], sort=False)
    ][:MOST_GROUPS]
    media = media_of(stimuli, {files[name] for _, _, rows, _ in found for name in rows["stimulus_id"]})
    groups = [
        Group(goal, target, [_shown(media, files, row) for row in rows.to_dict("records")], more)
        for goal, target, rows, more in found
    ]
    return media, groups


def _chosen(
    goal: str, target: str, higher: bool, plan: pd.DataFrame, measured: pd.DataFrame
) -> tuple[str, str, pd.DataFrame, int]:
    """The rows of a goal and target, some of each role, the responses that do best first."""
    rows = plan.drop_duplicates("stimulus_id")[["stimulus_id", "role"]].merge(
        measured[["stimulus_id", "measured", "error", "expected"]], on="stimulus_id", how="left"
    )
    rows = rows.sort_values("measured", ascending=not higher, kind="stable", na_position="last")
    kept = [part.head(MOST_SHOWN) for role in _WHY if len(part := rows[rows["role"] == role])]
    chosen = pd.concat(kept)
    return goal, target, chosen, len(rows) - len(chosen)


def _shown(media: Media, files: Mapping[str, str], row: Mapping[Any, Any]) -> Answered:
    name = str(row["stimulus_id"])
    return Answered(media[files[name]], name, _WHY[row["role"]], _words(row))


def _words(row: Mapping[Any, Any]) -> str:
    measured, error, expected = (row[name] for name in ("measured", "error", "expected"))
    if pd.isna(measured):
        return ""
    spread = "" if pd.isna(error) else f" ± {number(error, '.2g')}"
    before = "" if pd.isna(expected) else f", expected {number(expected, '.3g')}"
    return f"{number(measured, '.3g')}{spread}{before}"
