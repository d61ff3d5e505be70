"""Drive several units at once, of one observer or of several: a stimulus that all of them agree on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from synthstim.errors import InputError
from synthstim.goals.aim import Aim
from synthstim.goals.base import Goal, Measured, Measuring
from synthstim.goals.card import CardLine
from synthstim.goals.population import names_of, shortened
from synthstim.goals.unit import site_unit, sites_in
from synthstim.goals.wish import Want, Wish
from synthstim.recipe.expected import Expected
from synthstim.recipe.stimuli import Controller, Item, Variant
from synthstim.recipe.units import ALL, UnitSpec
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from synthstim.models import Observer, Unit
    from synthstim.objectives import Objective

Units = Annotated[
    tuple[UnitSpec, ...],
    Field(min_length=1, strict=False),
    Expected(
        "a list of units, such as [{layer: a.blocks.4, channel: 3}, {layer: b.features.6, channel: 9}] or [{sites: all}]"
    ),
]


class DriveAllEntry(Controller):
    """Controllers that drive several units at once.

    Attributes:
        units: each is driven, of lists of sites or channels every one; of several observers the layers say whose.
    """

    goal: Literal["drive_all"]
    units: Units

    def problems(self) -> Iterator[tuple[Location, str]]:
        """Fewer than two units, or one that comes twice."""
        if sum(map(_count, self.units)) < 2:
            yield ("units",), "are one: give two or more"
        for place, unit in enumerate(self.units):
            if unit in self.units[:place]:
                yield ("units", place), "comes twice: remove it"

    @property
    def says_what(self) -> str:
        """The key that says what is controlled."""
        return "units"

    @property
    def layer(self) -> str:
        """The layer of the first unit."""
        return self.units[0].layer

    @property
    def of_sites(self) -> bool:
        """Whether fitted sites are among them."""
        return any(unit.of_sites for unit in self.units)

    def named_sites(self) -> Iterator[tuple[Location, str]]:
        """Every fitted site that the entry names, and where."""
        for place, unit in enumerate(self.units):
            if unit.site is not None:
                yield ("units", place, "site"), unit.site
            yield from (((*("units", place), *where[1:]), site) for where, site in sites_in("units", unit))


class DriveAllWish(Wish):
    """Images that drive several sites, each of them."""

    goal: Literal["drive_all"]

    def problems(self) -> Iterator[tuple[Location, str]]:
        """One site by name."""
        yield from super().problems()
        if not isinstance(self.sites, str) and len(self.sites) < 2:
            yield ("sites",), "are one: give two or more, or all"


class DriveAllGoal(Goal):
    """The highest activation of the unit that is driven least, in z-scores over the natural pool."""

    name = "drive_all"
    section = DriveAllEntry
    label = "drive all ↑"
    farthest = True
    about = "to drive several units at once"
    papers = ("bashivan2019",)
    symbol = "triangle-up"
    standardised = True
    several = True
    wish = DriveAllWish
    lines = (
        CardLine("least driven", "activation", "Of the units, in z-scores"),
        CardLine("best natural", "best_natural", "The highest of the pool, likewise of the least driven unit"),
    )

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The units."""
        entry: Any = item.entry
        good = item.given.get("sites", ())
        units = tuple(dict.fromkeys(unit for spec in entry.units for unit in _units(spec, observer, good)))
        if len(units) < 2:
            raise InputError(
                f"drive_all of {names_of(units) or 'no unit'} alone; expected two units or more with a held-out score of min_score",
                "lower min_score, fit more sites, or drive it by itself",
                code="too-few",
            )
        called = f"each of {names_of(units)}" if all(spec.of_sites for spec in entry.units) else None
        return Aim(goal=self.name, units=units, given=(("called", shortened(called)),) if called else ())

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """One stimulus is for all; of ``all`` sites those that are good enough."""
        return ([Variant({"sites": tuple(sites)})],) if entry.of_sites else ()

    def objective(
        self,
        entry: Any,
        aims: Sequence[Aim],
        measurer: Measuring,
        *,
        references: Tensor | None = None,
        layers: Sequence[str] = (),
    ) -> Objective:
        """The smooth minimum of the units' z-scores."""
        import torch

        from synthstim.objectives import weakest

        mean, std = (torch.from_numpy(value)[None] for value in measurer.standardisation(aims[0].units))
        return weakest([aim.units for aim in aims], mean=mean, std=std)

    def blamed(self, entry: Any, named: object) -> Location:
        """The unit of the layer."""
        places = [place for place, unit in enumerate(entry.units) if unit.layer == named]
        return ("units", places[0], "layer") if places else ("units",)

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless the aim has several units."""
        if len(aim.units) < 2:
            raise ValueError(f"{self.name} of {len(aim.units)} units")

    def values(self, activations: NDArray[Any], aim: Aim) -> NDArray[Any]:
        """The z-score of the unit that is driven least."""
        least: NDArray[Any] = activations.min(1)
        return least

    def wants(self, wish: Any, sites: Sequence[str], scale: Mapping[str, tuple[float, float]]) -> Iterator[Want]:
        """All of them, once."""
        wanted = tuple(sites) if isinstance(wish.sites, str) else wish.sites
        # Of one site that screening left, drive is the goal.
        if len(wanted) > 1:
            yield Want(wanted, alone=False)

    def asked(self, wish: Wish, want: Want, as_fitted: Callable[[float, str], float]) -> dict[str, Any]:
        """The sites."""
        return {"units": [{"sites": list(want.sites)}]} | self.passed_on(wish)

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """All at once must go beyond any of the pool."""
        least, natural = measured["activation"], measured["best_natural"]
        if least <= natural:
            yield f"the least driven unit has z = {least:.3g}, not above the best natural's {natural:.3g}"


def _count(unit: UnitSpec) -> int:
    """How many units are meant, where the recipe says; all sites count as two."""
    return 2 if unit.sites == ALL else len(unit.sites or unit.channels or (unit,))


def _units(spec: UnitSpec, observer: Observer, good: Sequence[str]) -> Iterator[Unit]:
    """The units that a recipe means; fitted sites in z-scores of their responses."""
    from synthstim.models import Unit

    if spec.of_sites:
        yield from (site_unit(observer, site, standardised=True) for site in spec.site_list(good))
    elif spec.channel_list:
        yield from (Unit(layer=spec.layer, channel=channel, position=spec.position) for channel in spec.channel_list)
    else:
        yield Unit(layer=spec.layer, indices=spec.index_list)


GOAL = DriveAllGoal()
