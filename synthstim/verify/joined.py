"""Checking a joined set: its files as a whole, and each of the sets that it was made of by the observer of that one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pandas as pd

from synthstim.errors import InputError
from synthstim.models import OUTPUT, Observer
from synthstim.stimulus_set import StimulusSet
from synthstim.verify.check import Check, files_changed, measured_again
from synthstim.verify.pool import NaturalPool


def check_joined(
    stimuli: StimulusSet,
    observers: Mapping[str, Observer | None],
    *,
    pools: Mapping[str, NaturalPool] | None = None,
    second: Observer | None = None,
    second_layer: str = OUTPUT,
    watch: Callable[[int, int], None] | None = None,
) -> Check:
    """Verify the checksums of a joined set, and measure every file again.

    Args:
        stimuli: the set.
        observers: what each of the sets was made on, by their names (``StimulusSet.parts``); of those that are not there, and of
            adopted ones, whose observer is None, only files, luminance and levels are checked.
        pools: the natural pools that they were made with, where these are not the carried ones.
        second: measure metamers on this observer too.
        second_layer: where.
        watch: called with (measured, total).

    Raises:
        InputError: the set is not a joined one, or an observer's weights are not those that a set was made on.

    Example:
        >>> gratings, _ = adopt("my_gratings", "gratings")
        >>> both, _ = join_sets(["natural", gratings.root], "both")
        >>> check_joined(both, {}).problems
        []
    """
    if "parts" not in stimuli.provenance:
        raise InputError(f"{stimuli.root} was not joined of several sets", "check it with check_set")
    damaged, problems = files_changed(stimuli)
    failed, measured, elsewhere = [], 0, [pd.DataFrame()]
    for name, part in stimuli.parts.items():
        before = measured

        def watched(number: int, _: int, before: int = before) -> None:
            if watch is not None:
                watch(before + number, len(stimuli))

        found = measured_again(
            part, observers.get(name), damaged, pool=(pools or {}).get(name), second=second, second_layer=second_layer,
            watch=watched,
        )  # fmt: skip
        problems += found.problems
        failed += found.failed
        measured += found.measured
        elsewhere.append(found.elsewhere)
    return Check(problems, failed, measured, pd.concat(elsewhere))
