"""Observers for responses to sounds: played them at their own duration."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from synthstim.encoding.defaults import BROUGHT
from synthstim.models import Observer
from synthstim.stimulus_set import StimulusSet


def given_alike(
    openers: Sequence[Callable[..., Observer]], sets: Sequence[StimulusSet], ids: Sequence[str], _wanted: object = None
) -> Iterator[tuple[Observer, str]]:
    """The observers at the sounds' duration, if all have the same, or else their own; and why."""
    seconds = common_duration(sets, ids)
    for open_one in openers:
        yield open_one(seconds=seconds), "as the stimuli are" if seconds else BROUGHT


def common_duration(sets: Sequence[StimulusSet], ids: Sequence[str]) -> float | None:
    """Seconds of the sounds with these ids, if all have the same."""
    seconds = {
        float(value)
        for part in sets
        for value in part.table.loc[part.table["stimulus_id"].isin(set(ids)), "duration_s"].dropna()
    }
    return seconds.pop() if len(seconds) == 1 else None
