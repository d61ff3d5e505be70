"""The strategy of an evolution: CMA-ES of the package cma, with random numbers of its own."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from synthstim.errors import InputError
from synthstim.evolve.archive import Archive, Values

# Beyond this a full covariance has more entries than a session has presentations: only its diagonal is learnt.
FULL_COVARIANCE = 60


class Strategy:
    """Codes that are drawn about a mean, and learnt from.

    Args:
        size: numbers in a code.
        population: codes of a generation.
        spread: standard deviation of the first ones.
        seed: of the random numbers; a sequence for several evolutions of one seed.
        pace: share of the way to the best codes of a generation that the mean goes.

    Raises:
        InputError: the package cma is not installed.
    """

    def __init__(self, size: int, population: int, spread: float, seed: int | Sequence[int], pace: float) -> None:
        try:
            cma = importlib.import_module("cma")
        except ImportError:
            raise InputError(
                "evolution needs the package cma", "pip install 'synthstim[evolve]'", code="not-installed"
            ) from None
        random = np.random.default_rng(seed)
        options = {
            "popsize": population,
            "CMA_diagonal": size > FULL_COVARIANCE,
            "CMA_cmean": pace,
            # Random numbers of its own: neither numpy's global state nor another evolution's.
            "randn": lambda *shape: random.standard_normal(shape),
            "seed": math.nan,
            "verbose": -9,
            "verb_log": 0,
        }
        with _silent():
            self._cma = cma.CMAEvolutionStrategy(np.zeros(size), spread, options)

    @property
    def mean(self) -> Values:
        """The mean code."""
        return np.array(self._cma.mean)

    @property
    def step(self) -> float:
        """The overall step size."""
        return float(self._cma.sigma)

    def __repr__(self) -> str:
        size = self._cma.N
        return f"{size} numbers, {'diagonal' if size > FULL_COVARIANCE else 'full'} covariance"

    def estimates(self, archive: Archive) -> Values:
        """What each image so far is thought to do: what it did."""
        return archive.means

    def ask(self, archive: Archive) -> list[Values]:
        """The codes of a generation, by what was told."""
        with _silent():
            return [np.asarray(code) for code in self._cma.ask()]

    def tell(self, codes: Values, merits: Values) -> None:
        """Learn from how good each code was, higher is better."""
        with _silent():
            self._cma.tell(list(codes), (-merits).tolist())


@contextmanager
def _silent() -> Iterator[None]:
    # cma comments on its own state.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
