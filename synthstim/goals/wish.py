"""What a closed loop wishes of a goal: an entry of the goals in loop.yaml, and what follows from it for each generation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from synthstim.recipe.constraints import Limits
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import Section, Text, check_different
from synthstim.recipe.problems import problem, raise_problems
from synthstim.recipe.yaml_source import Location


def _targets(value: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(value, str) and value != "all":
        raise problem(f"is {value[:60]!r}; expected 'all' or a list of sites")
    return value


Targets = Annotated[
    str | Annotated[tuple[Text, ...], Field(min_length=1, strict=False), AfterValidator(check_different)],
    AfterValidator(_targets),
    Expected("'all' or a list of sites"),
]
# Names of images are made of it, the generation and the site, 40 characters in all.
WishName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,11}$"),
    Expected("a letter, then letters, digits or -, 12 at most"),
]


class Wish(Section):
    """A goal for each of some sites by itself, or for several together.

    Attributes:
        name: the images' names hold it.
        goal: what the images are to do.
        sites: which of the fitted sites.
        copies: images for each site, and for each level.
        warm: how many of the copies start from the best images up to now instead of from noise.
        evaluations: passes that an image may spend; None takes the recipe's default.
        constraints: hard limits on the images, as recipes have them; ``aperture: site`` shows each site its receptive field.
        first, last: the generations in which the goal is pursued; None is without end.
    """

    name: WishName
    goal: str
    sites: Targets = "all"
    copies: int = Field(default=5, ge=1, le=1000)
    warm: int = Field(default=1, ge=0, le=1000)
    evaluations: int | None = Field(default=None, ge=1)
    constraints: Limits | None = None
    first: int = Field(default=1, ge=1)
    last: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        raise_problems(self.problems())
        return self

    def problems(self) -> Iterator[tuple[Location, str]]:
        """What of its keys does not go together."""
        if self.warm > self.copies:
            yield ("warm",), f"is {self.warm}, more than the {self.copies} copies: lower it"

    @property
    def says_which(self) -> str:
        """The key that names sites."""
        return "sites"

    @property
    def named(self) -> tuple[str, ...]:
        """The sites that it names itself."""
        return () if isinstance(self.sites, str) else self.sites

    def active(self, generation: int) -> bool:
        """Whether the goal is pursued in a generation."""
        return self.first <= generation and (self.last is None or generation <= self.last)


@dataclass(frozen=True)
class Want:
    """One thing that images are to do.

    Attributes:
        sites: that are controlled.
        level: the response asked for, as recorded; a level that was reached is not asked for again.
        pattern: the z-scores asked of the sites, on the scale of generation 0.
        part: of the images' names.
        alone: whether the names hold the site's, too.
    """

    sites: tuple[str, ...]
    level: float | None = None
    pattern: tuple[float, ...] = ()
    part: str = ""
    alone: bool = True
