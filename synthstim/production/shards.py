"""Shards: a recipe made in parts, by as many calls, whose sets are joined afterwards."""

from __future__ import annotations

import re
from dataclasses import dataclass

from synthstim.errors import InputError
from synthstim.production.jobs import Job
from synthstim.recipe import Recipe


@dataclass(frozen=True)
class Shard:
    """One part of so many, counted from 1.

    Example:
        >>> Shard.read("3/64")
        Shard(part=3, parts=64)
    """

    part: int
    parts: int

    @classmethod
    def read(cls, text: str) -> Shard:
        """Read ``PART/PARTS``.

        Raises:
            InputError: it is none.
        """
        found = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text.strip())
        if not found or int(found[1]) > int(found[2]):
            raise InputError(f"the shard {text!r} given; expected PART/PARTS, such as 3/64, from 1/64 to 64/64")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.part}/{self.parts}"

    def of(self, jobs: list[Job], recipe: Recipe) -> list[Job]:
        """The jobs of this part: batches stay as they are, so that every stimulus is the one that a whole run makes.

        Raises:
            InputError: there are fewer jobs than parts, or the recipe asks for what is made of all stimuli at once.
        """
        for what, asked in (("controls", bool(list(recipe.controls.asked()))), ("series", bool(recipe.series))):
            if asked and self.parts > 1:
                raise InputError(
                    f"{recipe.at((what,))}: {what} are made once for all stimuli, and shard {self} makes some of them",
                    f"put {what} into a recipe of its own, and join the sets",
                    code="mismatch",
                )
        if len(jobs) < self.parts:
            raise InputError(
                f"shard {self} of a recipe that has {len(jobs)} batch{'es' * (len(jobs) != 1)}; expected at most as many parts",
                "make fewer parts, or smaller batches (--at-once)",
                code="too-few",
            )
        return jobs[self.part - 1 :: self.parts]
