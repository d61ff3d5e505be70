"""Drive one group of units up and another down, such as sites that prefer faces over sites that prefer objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from synthstim.goals.population import PopulationEntry, PopulationGoal, names_of, units_together
from synthstim.goals.unit import sites_in
from synthstim.goals.wish import Targets, Want, Wish
from synthstim.recipe.stimuli import Item
from synthstim.recipe.units import ALL, OthersSpec
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from synthstim.models import Observer, Unit


class ContrastEntry(PopulationEntry):
    """Controllers that drive some units over others.

    Attributes:
        others: units whose mean is brought down; ``all`` sites are those that ``units`` does not name.
    """

    goal: Literal["drive_contrast"]
    others: OthersSpec

    def problems(self) -> Iterator[tuple[Location, str]]:
        """Two groups of two kinds, or that share a unit."""
        if self.others.sites == ALL and self.units.sites == ALL:
            yield ("others",), "are all sites, as units are: name those of one group"
        if (self.others.sites is not None) != self.of_sites:
            yield ("others",), "are not of the kind that units are: give both as sites, or both as units of layers"
        shared = {key: _both(getattr(self.units, key), getattr(self.others, key)) for key in ("sites", "channels", "indices")}  # fmt: skip
        for key, both in shared.items():
            if both and self.units.layer == self.others.layer and self.units.position == self.others.position:
                yield ("others", key), f"share {both[0]!r} with units: remove it from one of them"

    def named_sites(self) -> Iterator[tuple[Location, str]]:
        """Every fitted site that the entry names, and where."""
        yield from super().named_sites()
        yield from sites_in("others", self.others)


class ContrastWish(Wish):
    """Images that drive some sites over others.

    Attributes:
        others: whose mean is brought down; ``all`` are the sites that ``sites`` does not name.
    """

    goal: Literal["drive_contrast"]
    others: Targets

    def problems(self) -> Iterator[tuple[Location, str]]:
        """Two groups that are one, or that share a site."""
        yield from super().problems()
        if self.sites == ALL and self.others == ALL:
            yield ("others",), "are all sites, as sites are: name those of one group"
        if both := _both(self.sites, self.others):
            yield ("others",), f"share {both[0]!r} with sites: remove it from one of them"

    @property
    def named(self) -> tuple[str, ...]:
        """The sites that it names itself."""
        return (*super().named, *(() if isinstance(self.others, str) else self.others))


class DriveContrast(PopulationGoal):
    """The highest mean of one group less the mean of another."""

    name = "drive_contrast"
    section = ContrastEntry
    wish = ContrastWish
    label = "contrast ↑↓"
    about = "to drive some units above others"
    papers = ("bashivan2019",)
    symbol = "diamond-tall"

    def weights(self, entry: Any, units: Sequence[Unit], item: Item, observer: Observer) -> dict[Unit, float]:
        """1 over the number of its group, negative for the others."""
        sites = entry.others.site_list([site for site in observer.sites if site not in item.given["sites"]])
        others = units_together(entry.others, observer, sites)
        return _weights(units, others)

    def called(self, weights: Mapping[Unit, float]) -> str:
        """How tables call the two groups."""
        up, down = ([unit for unit in weights if (weights[unit] > 0) is wanted] for wanted in (True, False))
        return f"{names_of(up)} over {names_of(down)}"

    def wished(self, wish: Any, sites: Sequence[str]) -> dict[str, float]:
        """What each site counts for."""
        up = list(super().wished(wish, sites))
        down = [site for site in sites if site not in up] if isinstance(wish.others, str) else wish.others
        return _weights(up, down)

    def asked(self, wish: Any, want: Want, as_fitted: Callable[[float, str], float]) -> dict[str, Any]:
        """The two groups."""
        groups = [[site for site, weight in zip(want.sites, want.pattern, strict=True) if (weight > 0) is up] for up in (True, False)]  # fmt: skip
        return {name: {"sites": group} for name, group in zip(("units", "others"), groups, strict=True)} | self.passed_on(wish, "others")  # fmt: skip


def _weights(up: Sequence[Any], down: Sequence[Any]) -> dict[Any, float]:
    return dict.fromkeys(up, 1 / max(len(up), 1)) | dict.fromkeys(down, -1 / max(len(down), 1))


def _both(one: Any, other: Any) -> list[Any]:
    return [] if ALL in (one, other) else [each for each in one or () if each in (other or ())]


GOAL = DriveContrast()
