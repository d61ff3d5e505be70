"""A policy in batches: whole generations of stimuli, each made from the responses to the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from synthstim.evolve import EvolutionFolder
from synthstim.online.trial import Catalogue, Trial
from synthstim.responses import Responses
from synthstim.stimulus_set import StimulusSet


class Evolving(Protocol):
    """What makes generations, such as ``synthstim.EvolutionFolder``.

    Attributes:
        generation: number of the one that waits for responses, from 1.
    """

    @property
    def generation(self) -> int:
        """Number of the generation that waits for responses, from 1."""

    def set_of(self, generation: int) -> StimulusSet:
        """The stimulus set of a generation that has been made."""

    def tell(self, responses: Responses) -> StimulusSet:
        """Take the responses to the generation that waits; return the set of the next one."""


class Generations:
    """Shows each generation in shuffled blocks, tells the responses, and goes on with the next one.

    Making a generation takes as long as it takes: the rig waits for its next trial meanwhile, seconds for large images.

    Args:
        evolving: what makes them.
        catalogue: of the folder that the sets are in; each new set is added to it.
        sites: whose responses are told.
        repeats: of each stimulus.
        generations: after which it ends.
        seed: of the orders.
    """

    def __init__(
        self,
        evolving: Evolving,
        catalogue: Catalogue,
        *,
        sites: Sequence[str],
        repeats: int = 1,
        generations: int = 20,
        seed: int = 0,
    ) -> None:
        self.evolving, self.catalogue, self.sites = evolving, catalogue, tuple(sites)
        self.repeats, self.generations, self.seed = repeats, generations, seed
        self._of: dict[str, int] = {}
        self._trials: list[Trial] = []
        for generation in range(1, evolving.generation + 1):
            self._open(generation)

    def __repr__(self) -> str:
        return f"Generations({self.generations} of {self.repeats} repeats, {', '.join(self.sites)}, seed {self.seed})"

    def next_trial(self, history: Sequence[Trial]) -> str | None:
        """The next of this generation's present block."""
        generation = self.evolving.generation
        if generation > self.generations:
            return None
        block, place = divmod(len(self._trials), len(self._ids))
        order = np.random.default_rng([self.seed, generation, block]).permutation(len(self._ids))
        return self._ids[int(order[place])]

    def update(self, trial: Trial) -> None:
        """Keep the trial; after the last one of the generation, tell it and open the next."""
        if self._of[trial.stimulus_id] != self.evolving.generation:
            return  # of a session that is gone on with: told before
        self._trials.append(trial)
        if len(self._trials) == self.repeats * len(self._ids):
            self.evolving.tell(Responses(pd.DataFrame(self._rows()), "the trials of this session"))
            self._open(self.evolving.generation)

    def _open(self, generation: int) -> None:
        stimuli = self.evolving.set_of(generation)
        self.catalogue.add(stimuli)
        self._ids = tuple(stimuli.table["stimulus_id"])
        self._of |= dict.fromkeys(self._ids, generation)
        self._trials = []

    def _rows(self) -> list[Mapping[str, Any]]:
        # The window is the session's; who is told needs one, and it must only be the same for all.
        shared = {"session": "1", "window_start_s": 0.0, "window_end_s": 1.0}
        return [
            shared
            | {"stimulus_id": trial.stimulus_id, "repeat": trial.repeat, "site": site, "response": trial.responses[site],
               "sha256": self.catalogue[trial.stimulus_id].sha256}
            for trial in self._trials
            for site in self.sites
        ]  # fmt: skip


def open_evolution(folder: Path, settings: dict[str, Any]) -> tuple[Catalogue, Generations]:
    """An evolution's folder, and its generations."""
    evolution = EvolutionFolder(folder)
    catalogue = Catalogue(evolution.root)
    how = {name: settings[name] for name in ("repeats", "generations", "seed")}
    return catalogue, Generations(evolution, catalogue, sites=evolution.settings.sites, **how)


POLICY = open_evolution
