"""What goals share that give each fitted site a number of its own: a pattern of responses, the weights of an axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from synthstim.goals.wish import Wish
from synthstim.recipe.stimuli import Controller
from synthstim.recipe.units import SITES
from synthstim.recipe.yaml_source import Location


class BySiteEntry(Controller):
    """Controllers of fitted sites that a mapping names.

    Attributes:
        mapping: the key of the entry that holds it.
    """

    mapping: ClassVar[str]

    @property
    def says_what(self) -> str:
        """The key that says what is controlled."""
        return self.mapping

    @property
    def layer(self) -> str:
        """The layer of fitted sites."""
        return SITES

    @property
    def of_sites(self) -> bool:
        """It is of fitted sites alone."""
        return True

    def named_sites(self) -> Iterator[tuple[Location, str]]:
        """Every fitted site that the entry names, and where."""
        yield from (((self.mapping, site), site) for site in getattr(self, self.mapping))


class BySiteWish(Wish):
    """Images of sites that a mapping names.

    Attributes:
        mapping: the key that holds it.
    """

    mapping: ClassVar[str]

    @property
    def says_which(self) -> str:
        """The key that names sites."""
        return self.mapping

    @property
    def named(self) -> tuple[str, ...]:
        """The sites that it names itself."""
        return tuple(getattr(self, self.mapping))
