"""The best of several stimuli: more trials go to those that may yet be the best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.goals.followed import followed
from synthstim.ids import check_names
from synthstim.online.policies.base import positive, require_given, set_and_ids, some
from synthstim.online.trial import Trial
from synthstim.stimulus_set import StimulusSet


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
            raise InputError(
                f"the goal {goal!r} is unknown to a bandit", f"choose {' or '.join(known)}", code="unknown"
            )
        if not 0 <= width <= 100:
            raise InputError(f"a width of {width:g} given; expected 0 to 100")
        check_names([site], "site")
        self.ids, self.site, self.goal, self.width = some(stimulus_ids), site, goal, width
        self.trials, self.sites = positive(trials, "trials"), (site,)
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


def open_bandit(folder: Path, settings: dict[str, Any]) -> tuple[StimulusSet, Bandit]:
    """A set, and a bandit over its stimuli."""
    site = require_given(settings, "site", "a bandit goes by the responses of one site", "name")
    stimuli, ids = set_and_ids(folder)
    return stimuli, Bandit(ids, site=site, goal=settings["goal"], trials=settings["trials"])


POLICY = open_bandit
