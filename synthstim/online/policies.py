"""Which stimulus comes next: blocks, a staircase over levels, or a bandit that looks for the best of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.goals.followed import followed
from synthstim.ids import check_names
from synthstim.online.trial import Trial
from synthstim.stimulus_set import StimulusSet


class Policy(Protocol):
    """The contract. A policy that was updated with the same trials goes on in the same way: that is how it is resumed.

    Attributes:
        sites: those whose responses it needs; a rig that does not measure them is refused.
    """

    sites: tuple[str, ...]

    def next_trial(self, history: Sequence[Trial]) -> str | None:
        """Id of the stimulus to show next, None when all is done; asked twice in a row it says the same."""

    def update(self, trial: Trial) -> None:
        """Take a trial that was answered."""


class Blocks:
    """Every stimulus once in each block, in the order given or shuffled anew for each block.

    Example:
        >>> Blocks(["cat", "dog"], repeats=5, shuffle=1)
        Blocks(2 stimuli, 5 repeats, shuffle 1)
    """

    def __init__(self, stimulus_ids: Sequence[str], *, repeats: int = 1, shuffle: int | None = None) -> None:
        """Args: ``shuffle`` is the seed of the orders; None keeps the order given."""
        self.ids, self.repeats, self.shuffle = _some(stimulus_ids), _positive(repeats, "repeats"), shuffle
        self.sites: tuple[str, ...] = ()

    def __repr__(self) -> str:
        order = "in order" if self.shuffle is None else f"shuffle {self.shuffle}"
        return f"Blocks({len(self.ids)} stimuli, {self.repeats} repeats, {order})"

    def next_trial(self, history: Sequence[Trial]) -> str | None:
        """The next of this block, or the first of the next block."""
        block, place = divmod(len(history), len(self.ids))
        if block >= self.repeats:
            return None
        if self.shuffle is None:
            return self.ids[place]
        return self.ids[int(np.random.default_rng([self.shuffle, block]).permutation(len(self.ids))[place])]

    def update(self, trial: Trial) -> None:
        """Nothing is learnt."""


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
            raise InputError(f"a staircase has {len(levels)} levels: wanted at least 2")
        self.values = sorted(levels)
        self.levels = {value: _some(levels[value]) for value in self.values}
        if start is not None and start not in self.levels:
            raise InputError(
                f"the staircase starts at {start:g}: choose one of {', '.join(map('{:g}'.format, self.values))}"
            )
        check_names([site], "site")
        self.site, self.criterion, self.seed = site, criterion, seed
        self.down, self.reversals = _positive(down, "down"), _positive(reversals, "reversals")
        self.trials, self.sites = _positive(trials, "trials"), (site,)
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


class Bandit:
    """The best of several stimuli by upper confidence bounds: more trials go to those that may yet be the best.

    Each stimulus is shown once, then always the one with the highest mean + width x sd x sqrt(2 ln t / n) (UCB1, Auer
    et al. 2002, with the trials' own standard deviation for the range of rewards).

    Args:
        site: whose response counts.
        goal: that asks for no level: ``drive`` looks for the highest mean, ``suppress`` for the lowest.
        trials: after which it ends.
        width: how curious it is; 0 always shows the best mean.
    """

    def __init__(
        self, stimulus_ids: Sequence[str], *, site: str, goal: str = "drive", trials: int = 500, width: float = 1.0
    ) -> None:
        if goal not in (known := followed(levelled=False)):
            raise InputError(f"the goal {goal!r} is unknown to a bandit: choose {' or '.join(known)}")
        if not 0 <= width <= 100:
            raise InputError(f"a width of {width:g} came: wanted 0 to 100")
        check_names([site], "site")
        self.ids, self.site, self.goal, self.width = _some(stimulus_ids), site, goal, width
        self.trials, self.sites = _positive(trials, "trials"), (site,)
        self._place = {name: place for place, name in enumerate(self.ids)}
        self._count, self._sum, self._squares = (np.zeros(len(self.ids)) for _ in range(3))

    def __repr__(self) -> str:
        return f"Bandit({len(self.ids)} stimuli, {self.goal} {self.site}, {self.trials} trials, width {self.width:g})"

    @property
    def best(self) -> str | None:
        """Id of the stimulus with the best mean; None before all were shown."""
        return self.ids[int(self._gain().argmax())] if self._count.all() else None

    def next_trial(self, history: Sequence[Trial]) -> str | None:
        """One that was not shown yet, or the one that may be best."""
        total = self._count.sum()
        if total >= self.trials:
            return None
        if not self._count.all():
            return self.ids[int(self._count.argmin())]
        within = (self._squares - self._sum**2 / self._count).clip(0).sum() / max(total - len(self.ids), 1)
        # Nothing was shown twice yet: the spread between stimuli stands for that within them.
        spread = np.sqrt(within) if total > len(self.ids) else (self._sum / self._count).std()
        return self.ids[int((self._gain() + self.width * spread * np.sqrt(2 * np.log(total) / self._count)).argmax())]

    def update(self, trial: Trial) -> None:
        """Add to the stimulus's mean."""
        place, value = self._place[trial.stimulus_id], trial.responses[self.site]
        self._count[place] += 1
        self._sum[place] += value
        self._squares[place] += value**2

    def _gain(self) -> np.ndarray:
        merits: np.ndarray = GOALS[self.goal].merit(self._sum / self._count, Aim(goal=self.goal))
        return merits


def levels_of_set(stimuli: StimulusSet) -> dict[float, list[str]]:
    """Ids of a set's stimuli by the level that each was made for.

    Raises:
        InputError: fewer than two levels are in the set.
    """
    table = stimuli.table.dropna(subset=["level"])
    levels = {float(level): list(rows["stimulus_id"]) for level, rows in table.groupby("level")}
    if len(levels) < 2:
        raise InputError(
            f"{stimuli.root} holds stimuli of {len(levels)} levels: a staircase wants at least 2 (goal: level)"
        )
    return levels


def _some(stimulus_ids: Sequence[str]) -> tuple[str, ...]:
    ids = tuple(stimulus_ids)
    if not ids or len(set(ids)) != len(ids):
        raise InputError(f"{len(ids)} stimuli came for a policy, {len(set(ids))} of them different: name each once")
    return ids


def _positive(number: int, name: str) -> int:
    if not 1 <= number <= 1_000_000:
        raise InputError(f"{name} {number} came: wanted 1 to 1,000,000")
    return number
