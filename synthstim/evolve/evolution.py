"""Evolution of images from measured responses alone: no model and no gradient (cf. XDream, Ponce et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthstim.constraints import Constraint, check_all, project_all
from synthstim.errors import InputError
from synthstim.evolve.archive import Archive, Values
from synthstim.evolve.code import Code, LowFrequencies
from synthstim.evolve.recombination import Parents, Recombination
from synthstim.evolve.required import require_settings
from synthstim.evolve.settings import AGAIN, AGAIN_OF_PARENTS
from synthstim.evolve.strategy import Strategy
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.modalities.image import MODALITY

# Spreads of the first generation. One as wide as noise would bury an image that it starts from.
FROM_GREY, FROM_IMAGE = 1.0, 0.3
# Share of the way to the best codes of a generation that the centre goes. From a good image the whole way is lost again
# to noise: after 2,000 presentations 0.90 of the best natural image's count was left, against 1.02 (median of 4 sites).
PACE_FROM_GREY, PACE_FROM_IMAGE = 1.0, 0.3


@dataclass(frozen=True)
class Best:
    """The best image so far.

    Attributes:
        image: (channel, y, x) display values.
        response: its mean over all its presentations.
        presentations: how many these are. After a single one the mean is inflated by luck.
        generation: in which it first appeared.
    """

    image: Tensor
    response: float
    presentations: int
    generation: int


class Evolution:
    """Images that evolve for one site: natural ones recombined, or CMA-ES over the low spatial frequencies of one image.

    With ``parents``, natural images and what they did, each generation has children of the best images so far
    (``Recombination``), which exceed the best natural image at more than half of simulated sites (docs/online.md). Without them
    nothing need be known beforehand, and CMA-ES (below) begins at grey or at one image.

    Each generation has ``population`` new images, and the strategy learns from their mean responses alone. It keeps no
    elite: a lucky image moves it for one generation. Two kinds of images are shown beside them and do not breed. The
    strategy's ``centre`` is an average over many images, so that its response is a measure of progress that no luck
    has chosen. The ``again`` images with the best means so far are shown once more, and their means go on over all
    presentations: luck wears off, and ``best`` is an image that was measured in two generations.

    Args:
        shape: (channel, y, x) of an image.
        goal: ``drive``, ``suppress``, ``level`` or another that responses alone can follow.
        level: the response that ``level`` asks for, in the unit in which responses are told.
        site: its name, for messages.
        population: new images of a generation.
        again: the best images so far that each generation shows again; by default 1, and 5 with parents.
        centre: whether each generation shows the strategy's centre; at first that is mid-grey. Recombination has none.
        cutoff: highest spatial frequency, in cycles per image.
        start: (channel, y, x) display values of an image to begin at, such as the best natural one; evolution changes its
            low frequencies. By default mid-grey, which makes the first generation noise.
        spread: standard deviation of the first generation's codes. At 1, the default without a start, noise has a
            photograph's contrast; with a start it is 0.3.
        seed: of the random numbers; a sequence for several evolutions of one seed.
        constraints: projections that every image goes through before it is shown.
        code: what evolves instead of low frequencies, such as ``Latents(Pixels(shape))``.
        parents: natural images that were shown, the best of a session, and what they did.

    Raises:
        InputError: a setting is out of range, the constraints cannot be met, or the package cma is not installed.

    Example:
        >>> evolution = Evolution((1, 32, 32), cutoff=4, population=8, seed=1)
        >>> images = evolution.ask()
        >>> evolution.tell(images.mean((1, 2, 3)).numpy())
        >>> evolution.roles.count("new"), evolution.generation
        (8, 1)
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        goal: str = "drive",
        level: float | None = None,
        site: str = "the site",
        population: int = 20,
        again: int | None = None,
        centre: bool = True,
        cutoff: int = 8,
        start: Tensor | None = None,
        spread: float | None = None,
        seed: int | Sequence[int] = 0,
        constraints: Sequence[Constraint] = (),
        code: Code | None = None,
        parents: Parents | None = None,
    ) -> None:
        spread = spread if spread is not None else FROM_GREY if start is None else FROM_IMAGE
        again = again if again is not None else AGAIN if parents is None else min(AGAIN_OF_PARENTS, population)
        require_settings(goal, level, population, again, spread)
        check_all(constraints, shape, MODALITY)
        self.goal, self.level, self.site = goal, level, site
        self._archive = Archive()
        self._strategy: Strategy | Recombination
        if parents is not None:
            if start is not None or code is not None:
                raise InputError("parents go with no other start or code", "give one of them")
            self._strategy = Recombination(parents, population, seed, self.merits)
            self._strategy.begin(self._archive)
            self.code: Code = self._strategy.code
        else:
            self.code = code or LowFrequencies(shape, cutoff, base=start)
            pace = PACE_FROM_GREY if start is None else PACE_FROM_IMAGE
            self._strategy = Strategy(self.code.size, population, spread, seed, pace)
        if tuple(self.code.shape) != tuple(shape):
            raise InputError(
                f"the code renders {tuple(self.code.shape)}, the images are {tuple(shape)}", "use one shape"
            )
        self.population, self.again, self.shows_centre = population, again, centre and parents is None
        self.constraints = tuple(constraints)
        self.generation = 0
        self.roles: tuple[str, ...] = ()
        self._asked: Values | None = None
        self._shown_again: list[int] = []

    def __repr__(self) -> str:
        what = f"level {self.level:g}" if self.level is not None else self.goal
        return f"Evolution({what}, {self.site}: generation {self.generation} of {self.population} images, {self._strategy})"

    def ask(self) -> Tensor:
        """The images to show next, (image, channel, y, x): new ones, the centre, those shown again; ``roles`` tells.

        Asked again before their responses are told, they are the same.
        """
        return self.images(self.ask_codes())

    def ask_codes(self) -> Values:
        """The codes of these images, (image, number)."""
        if self._asked is None:
            new = self._strategy.ask(self._archive)
            middle = [self._strategy.mean] if self.shows_centre else []
            self._shown_again = self._ranked()[: self.again]
            self._asked = np.stack([*new, *middle, *(self._archive.codes[number] for number in self._shown_again)])
            counts = {"new": len(new), "centre": len(middle), "again": len(self._shown_again)}
            self.roles = tuple(role for role, count in counts.items() for _ in range(count))
        return self._asked

    def images(self, codes: Values) -> Tensor:
        """Images (image, channel, y, x) of codes, display values that meet the constraints."""
        with torch.no_grad():
            images = self.code.render(torch.from_numpy(codes).to(torch.float32))
            return project_all(self.constraints, images).clamp(0, 1)

    def tell(self, responses: Any, *, counts: Any = None) -> None:
        """Take the responses to the images that were asked.

        Args:
            responses: (image,) means, or (image, repeat) trials, in the order of the images.
            counts: (image,) presentations behind each mean; by default the trials, or one.

        Raises:
            InputError: nothing was asked, or a response is missing or NaN; nothing is learnt then.
        """
        if self._asked is None:
            raise InputError(f"{self.site}: responses were given before images were requested", "call ask() first")
        means, counts = self._means(responses, counts)
        new = self.population
        self._strategy.tell(self._asked[:new], self.merits(means[:new]))
        self.generation += 1
        first = len(self._asked) - len(self._shown_again)
        self._archive.add(self._asked[:first], self.generation)
        shown = [*range(len(self._archive) - first, len(self._archive)), *self._shown_again]
        self._archive.measure(shown, means, counts)
        self._asked, self._shown_again = None, []

    @property
    def best(self) -> Best:
        """The image with the best mean among those shown in two generations, or among all while none was.

        Raises:
            InputError: no responses were told.
        """
        if not self.generation:
            raise InputError(f"{self.site}: nothing is best before responses were told")
        kept, ranked = self._archive, self._ranked()
        number = next((number for number in ranked if kept.generations[number] > 1), ranked[0])
        return Best(
            self.images(kept.codes[number][None])[0],
            float(kept.means[number]),
            int(kept.count[number]),
            int(kept.since[number]),
        )

    @property
    def again_of(self) -> list[tuple[int, int]]:
        """(generation, row) of the first showing of each image that the asked ones show again."""
        kept = self._archive
        return [(int(kept.since[number]), int(kept.row[number])) for number in self._shown_again]

    @property
    def centre(self) -> Tensor:
        """The image (channel, y, x) of the strategy's mean code: what the population has in common."""
        return self.images(self._strategy.mean[None])[0]

    @property
    def step(self) -> float:
        """The strategy's overall step size; it began as ``spread``."""
        return self._strategy.step

    def _ranked(self) -> list[int]:
        """Numbers of all images shown so far, those first that are thought to be best."""
        return np.argsort(-self.merits(self._strategy.estimates(self._archive)), kind="stable").tolist()

    def merits(self, means: Values) -> Values:
        """How well mean responses (image,) do what the goal asks, higher is better."""
        merits: Values = GOALS[self.goal].merit(means, Aim(goal=self.goal, level=self.level))
        return merits

    def _means(self, responses: Any, counts: Any) -> tuple[Values, NDArray[np.int64]]:
        assert self._asked is not None
        values = np.asarray(responses, dtype=np.float64)
        if values.ndim not in (1, 2) or len(values) != len(self._asked) or not values.size:
            raise InputError(
                f"{self.site}: responses of shape {values.shape} given for {len(self._asked)} images; expected (image,) or (image, repeat)"
            )
        if not np.isfinite(values).all():
            raise InputError(
                f"{self.site}: a response is NaN or infinite: every image needs at least one response", code="too-few"
            )
        if values.ndim == 2:
            return values.mean(1), np.full(len(values), values.shape[1])
        taken = np.ones(len(values), dtype=np.int64) if counts is None else np.asarray(counts, dtype=np.int64)
        if taken.shape != values.shape or (taken < 1).any():
            raise InputError(
                f"{self.site}: the counts of presentations are not one of at least 1 for each image", code="too-few"
            )
        return values, taken
