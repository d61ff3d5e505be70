"""Goals: what a generation's new images are to do to the recorded sites, and how well one did it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from synthstim.recipe import Expected, problem, raise_problems
from synthstim.recipe.fields import Section, Text, check_different
from synthstim.recipe.yaml_source import Location

Values = NDArray[np.float64]
GOALS = ("drive", "suppress", "one_hot", "level", "pattern")


def _targets(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(value, str) and value != "all":
        raise problem(f"is {value[:60]!r}, wanted 'all' or a list of sites")
    return value


Targets = Annotated[
    str | Annotated[tuple[Text, ...], Field(min_length=1, strict=False), AfterValidator(check_different)],
    AfterValidator(_targets),
    Expected("'all' or a list of sites"),
]
# Names of images are made of it, the generation and the site, 40 characters in all.
GoalName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,11}$"),
    Expected("a letter, then letters, digits or -, 12 at most"),
]


class Wish(Section):
    """One goal, for each of its sites by itself; ``pattern`` is one goal for several sites together.

    Attributes:
        name: the images' names hold it.
        goal: drive or suppress a site; drive it alone (``one_hot``); bring it to levels; bring sites to a pattern.
        sites: which of the fitted sites.
        copies: images for each site, and for each level.
        warm: how many of the copies start from the best images up to now instead of from noise.
        evaluations: passes that an image may spend; None takes the recipe's default.
        levels: responses that ``level`` asks for; a level that was reached is not asked for again.
        scale: ``recorded``, in the units of the recording, or ``z``, in standard deviations about the mean of the first
            generation's responses.
        pattern: z-score of each site of a ``pattern``.
        temperature: of ``one_hot``.
        caution: standard deviations over the ensemble of fits that are taken from the score of a drive, suppress or level.
        first, last: the generations in which the goal is pursued; None is without end.
    """

    name: GoalName
    goal: Literal["drive", "suppress", "one_hot", "level", "pattern"]
    sites: Targets = "all"
    copies: int = Field(default=5, ge=1, le=1000)
    warm: int = Field(default=1, ge=0, le=1000)
    evaluations: int | None = Field(default=None, ge=1)
    levels: (
        Annotated[
            tuple[float, ...],
            Field(min_length=1, strict=False),
            AfterValidator(check_different),
            Expected("a list of responses"),
        ]
        | None
    ) = None
    scale: Literal["recorded", "z"] = "recorded"
    pattern: dict[str, float] | None = None
    temperature: float | None = Field(default=None, gt=0)
    caution: float | None = Field(default=None, ge=0)
    first: int = Field(default=1, ge=1)
    last: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _check_goal(self) -> Self:
        problems: list[tuple[Location, str]] = []
        for key, goal in (("levels", "level"), ("pattern", "pattern"), ("temperature", "one_hot"), ("scale", "level")):
            given = key in self.model_fields_set and getattr(self, key) is not None
            if given and self.goal != goal:
                problems.append(((key,), f"goes with goal {goal!r}, but the goal here is {self.goal!r}: remove it"))
        if self.goal == "level" and not self.levels:
            problems.append((("goal",), "'level' needs levels: give the responses that the sites are to have"))
        if self.goal == "pattern" and not self.pattern:
            problems.append((("goal",), "'pattern' needs pattern: give the z-score of each site"))
        if self.warm > self.copies:
            problems.append((("warm",), f"is {self.warm}, more than the {self.copies} copies: lower it"))
        raise_problems(problems)
        return self

    @property
    def named(self) -> tuple[str, ...]:
        """The sites that it names itself."""
        return tuple(self.pattern or ()) if isinstance(self.sites, str) else self.sites

    def active(self, generation: int) -> bool:
        """Whether the goal is pursued in a generation."""
        return self.first <= generation and (self.last is None or generation <= self.last)


def merit(goal: str, z: Values, site: int, *, level: float | None = None, pattern: Values | None = None) -> Values:
    """How well images did what a goal asks, higher is better; -inf where it was not measured.

    Args:
        goal: one of ``GOALS``.
        z: (stimulus, site) mean responses in standard deviations about each site's mean; NaN is not measured.
        site: which column is controlled; of no use for ``pattern``.
        level: z-score asked for by ``level``.
        pattern: (site,) z-scores asked for, NaN where a site is free.

    Returns:
        (stimulus,) in standard deviations: the response, or how far it is from what was asked, with a minus sign;
        ``one_hot`` is the response above the most driven other site.
    """
    own = z[:, site]
    if goal == "suppress":
        out = -own
    elif goal == "level":
        out = -np.abs(own - (level if level is not None else 0.0))
    elif goal == "pattern":
        assert pattern is not None
        asked = np.isfinite(pattern)
        out = -np.sqrt(np.mean((z[:, asked] - pattern[asked]) ** 2, axis=1))
    elif goal == "one_hot" and z.shape[1] > 1:
        others = np.delete(z, site, axis=1)
        highest = np.where(np.isnan(others), -np.inf, others).max(1)
        out = own - np.where(np.isfinite(highest), highest, 0.0)
    else:
        out = own
    return np.where(np.isnan(out), -np.inf, out)


def best(values: Values, among: Sequence[int] | NDArray[np.int64], most: int) -> list[int]:
    """The rows with the highest values, the best first; rows that were not measured are none.

    >>> best(np.array([1.0, 3.0, -np.inf, 2.0]), [0, 1, 2], 2)
    [1, 0]
    """
    rows = [int(row) for row in among if np.isfinite(values[row])]
    return sorted(rows, key=lambda row: -values[row])[:most]
