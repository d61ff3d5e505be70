"""Up and down over levels, towards the one at which a site's response reaches a criterion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthstim.errors import InputError
from synthstim.ids import check_names
from synthstim.online.policies.base import positive, require_given, some
from synthstim.online.trial import Trial
from synthstim.stimulus_set import StimulusSet


class Staircase:
    """Up and down over levels by whether a site's response reaches a criterion (Levitt 1971).

    After ``down`` trials in a row at or above the criterion the level goes one down, after one below it one up; where the
    response grows with the level, ``down=1`` settles at the level whose response reaches the criterion half the time.

    Args:
        levels: level -> ids of the stimuli that have it; one of them is drawn for each trial. See ``levels_of_set``.
        site: whose response counts.
        criterion: the response to reach.
        start: the level of the first trial; by default the middle one.
        reversals: changes of direction after which it ends.
        trials: after which it ends in any case.
        seed: of the draws.

    Attributes:
        turned: levels at which the direction changed.
    """

    def __init__(
        self,
        levels: Mapping[float, Sequence[str]],
        *,
        site: str,
        criterion: float,
        start: float | None = None,
        down: int = 1,
        reversals: int = 12,
        trials: int = 500,
        seed: int = 0,
    ) -> None:
        if len(levels) < 2:
            raise InputError(f"a staircase has {len(levels)} levels; expected at least 2", code="too-few")
        self.values = sorted(levels)
        self.levels = {value: some(levels[value]) for value in self.values}
        if start is not None and start not in self.levels:
            raise InputError(
                f"the staircase starts at {start:g}", f"choose one of {', '.join(map('{:g}'.format, self.values))}"
            )
        check_names([site], "site")
        self.site, self.criterion, self.seed = site, criterion, seed
        self.down, self.reversals = positive(down, "down"), positive(reversals, "reversals")
        self.trials, self.sites = positive(trials, "trials"), (site,)
        self._at = len(self.values) // 2 if start is None else self.values.index(start)
        self._run = self._direction = self._count = 0
        self.turned: list[float] = []

    def __repr__(self) -> str:
        return (
            f"Staircase({len(self.values)} levels, {self.site} to {self.criterion:g}, down {self.down}, {self.reversals}"
            f" reversals, {self.trials} trials, seed {self.seed})"
        )

    @property
    def level(self) -> float:
        """The level of the next trial."""
        return self.values[self._at]

    @property
    def threshold(self) -> float | None:
        """Mean of the levels at which it turned, the first two left out; None before there are any."""
        return float(np.mean(self.turned[2:])) if self.turned[2:] else None

    def next_trial(self, history: Sequence[Trial]) -> str | None:
        """A stimulus of the present level."""
        if len(self.turned) >= self.reversals or self._count >= self.trials:
            return None
        ids = self.levels[self.level]
        return ids[int(np.random.default_rng([self.seed, self._count]).integers(len(ids)))]

    def update(self, trial: Trial) -> None:
        """Move a level up or down, or stay."""
        self._count += 1
        reached = trial.responses[self.site] >= self.criterion
        self._run = self._run + 1 if reached else 0
        if reached and self._run < self.down:
            return
        self._run = 0
        step = -1 if reached else 1
        if self._direction and step != self._direction:
            self.turned.append(self.level)
        self._direction = step
        self._at = min(max(self._at + step, 0), len(self.values) - 1)


def levels_of_set(stimuli: StimulusSet) -> dict[float, list[str]]:
    """Ids of a set's stimuli by the level that each was made for.

    Raises:
        InputError: fewer than two levels are in the set.
    """
    table = stimuli.table.dropna(subset=["level"])
    levels = {float(level): list(rows["stimulus_id"]) for level, rows in table.groupby("level")}
    if len(levels) < 2:
        raise InputError(
            f"{stimuli.root} holds stimuli of {len(levels)} levels: a staircase needs at least 2 (goal: level)",
            code="too-few",
        )
    return levels


def open_staircase(folder: Path, settings: dict[str, Any]) -> tuple[StimulusSet, Staircase]:
    """A set whose stimuli were made for levels, and a staircase over them."""
    site = require_given(settings, "site", "a staircase goes by the responses of one site", "name")
    criterion = require_given(settings, "criterion", "a staircase goes for a response")
    stimuli = StimulusSet.read(folder)
    levels = levels_of_set(stimuli)
    how = {name: settings[name] for name in ("trials", "seed")}
    return stimuli, Staircase(levels, site=site, criterion=criterion, **how)


POLICY = open_staircase
