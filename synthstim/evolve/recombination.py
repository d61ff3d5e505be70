"""The strategy that recombines images which were shown: natural ones at first, then what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from synthstim.errors import InputError
from synthstim.evolve import births
from synthstim.evolve.archive import Archive, Values
from synthstim.evolve.births import Births

FEWEST = 8
# Of the images with the best estimates, how many have children.
BREEDING = 8
# An estimate is a mean with so many presentations more, of what was expected.
PRESENTATIONS = 4
# What a child is expected to do lies this share of the way from its parent back to the average natural image.
BACK = 0.1
# How often each way is taken, and how often the second parent is one of the images to begin with.
WAYS = {births.WINDOW: 0.5, births.MOVED: 0.25, births.DETAIL: 0.15, births.TONE: 0.1}
NATURAL = 0.6
# Standard deviations: of turns (rad), zooms (log) and shifts (halves of the image), of a window's image and of a whole one; of contrast and colour.
MOVES = {births.WINDOW: 0.3, births.MOVED: 0.1}
CONTRAST, COLOURS = 0.2, 0.05


@dataclass(frozen=True)
class Parents:
    """Images that an evolution begins with, and what they did.

    Attributes:
        images: (image, channel, y, x) display values.
        means: (image,) mean responses.
        counts: (image,) presentations behind each.
        average: the mean response over all stimuli of the session, to which what is measured seldom is drawn.

    Raises:
        InputError: there are too few, or the arrays do not fit.
    """

    images: Tensor
    means: Values
    counts: NDArray[np.int64]
    average: float

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.means) == len(self.counts):
            raise InputError(f"{len(self.images)} parents with {len(self.means)} means and {len(self.counts)} counts")
        if len(self.images) < FEWEST:
            raise InputError(f"{len(self.images)} parents given; expected {FEWEST} or more", code="too-few")
        if not np.isfinite(self.means).all() or (np.asarray(self.counts) < 1).any():
            raise InputError("a parent has no response: each needs one presentation or more", code="too-few")


class Recombination:
    """Children of the images with the best estimates so far; see ``Births`` for the ways.

    An estimate draws a mean of few presentations towards what was expected of the image, so that luck does not breed.

    Args:
        parents: to begin with.
        population: children of a generation.
        seed: of the random numbers; a sequence for several evolutions of one seed.
        merits: how good responses (image,) are, higher is better.
    """

    step = float("nan")

    def __init__(
        self, parents: Parents, population: int, seed: int | Sequence[int], merits: Callable[[Values], Values]
    ) -> None:
        self.code = Births(parents.images)
        self.parents, self.population, self.merits = parents, population, merits
        self._random = np.random.default_rng(seed)
        self._mean = self.code.beginning([parents.average] * len(parents.means))[0]

    def __repr__(self) -> str:
        return f"recombination of {len(self.parents.means)} parents"

    @property
    def mean(self) -> Values:
        """The record of the image with the best estimate when children were last asked for."""
        return self._mean

    def begin(self, archive: Archive) -> None:
        """Put the parents, and what they did, into an archive."""
        archive.add(self.code.beginning([self.parents.average] * len(self.parents.means)), 0)
        archive.measure(list(range(len(archive))), self.parents.means, np.asarray(self.parents.counts, np.int64))

    def estimates(self, archive: Archive) -> Values:
        """What each image so far is thought to do."""
        expected = np.array([code[births.EXPECTED] for code in archive.codes])
        estimated: Values = (archive.total + PRESENTATIONS * expected) / (archive.count + PRESENTATIONS)
        return estimated

    def ask(self, archive: Archive) -> list[Values]:
        """Records of a generation's children."""
        estimates = self.estimates(archive)
        best = np.argsort(-self.merits(estimates), kind="stable")[:BREEDING]
        self._mean = archive.codes[best[0]]
        return [self._child(int(self._random.choice(best)), estimates) for _ in range(self.population)]

    def tell(self, codes: Values, merits: Values) -> None:
        """Children were shown: they may have children from now on."""
        self.code.add(codes)

    def _child(self, parent: int, estimates: Values) -> Values:
        random, code = self._random, np.zeros(births.SIZE)
        natural = random.random() < NATURAL
        other = int(random.integers(len(self.parents.means) if natural else len(estimates)))
        way = int(random.choice(list(WAYS), p=list(WAYS.values())))
        expected = estimates[parent] + BACK * (self.parents.average - estimates[parent])
        code[[births.PARENT, births.OTHER, births.WAY, births.EXPECTED]] = parent, other, way, expected
        code[[births.Y, births.X]] = random.random(2)
        code[[births.TURN, births.ZOOM, births.DOWN, births.RIGHT]] = MOVES.get(way, 0.0) * random.standard_normal(4)
        low, high = (births.SHARPEST, births.BLUNTEST) if way == births.DETAIL else (births.NARROWEST, births.WIDEST)
        code[births.WIDTH] = np.exp(random.uniform(np.log(low), np.log(high)))
        contrast = CONTRAST * random.standard_normal()
        code[births.AMOUNT] = random.uniform(-0.5, 1) if way == births.DETAIL else contrast
        code[births.COLOUR :] = COLOURS * random.standard_normal(3)
        return code
