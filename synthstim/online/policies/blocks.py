"""Every stimulus once in each block, in the set's order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synthstim.online.policies.base import positive, set_and_ids, some
from synthstim.online.trial import Trial
from synthstim.stimulus_set import StimulusSet


class Blocks:
    """Every stimulus once in each block, in the order given or shuffled anew for each block.

    Example:
        >>> Blocks(["cat", "dog"], repeats=5, shuffle=1)
        Blocks(2 stimuli, 5 repeats, shuffle 1)
    """

    def __init__(self, stimulus_ids: Sequence[str], *, repeats: int = 1, shuffle: int | None = None) -> None:
        """Args: ``shuffle`` is the seed of the orders; None keeps the order given."""
        self.ids, self.repeats, self.shuffle = some(stimulus_ids), positive(repeats, "repeats"), shuffle
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


def open_blocks(folder: Path, settings: dict[str, Any]) -> tuple[StimulusSet, Blocks]:
    """A set, and its stimuli in their order."""
    stimuli, ids = set_and_ids(folder)
    return stimuli, Blocks(ids, repeats=settings["repeats"])


POLICY = open_blocks
