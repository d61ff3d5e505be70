"""What goals of one unit by itself share: a unit of a layer or a fitted site, several of which get controllers each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from synthstim.goals.aim import Aim
from synthstim.goals.base import Goal, Measuring
from synthstim.goals.wish import Wish
from synthstim.ids import distinct_part
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import Weight
from synthstim.recipe.stimuli import Controller, Item, Variant
from synthstim.recipe.units import ALL, OthersSpec, UnitSpec
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from torch import Tensor

    from synthstim.models import Observer, Unit
    from synthstim.objectives import Objective


class UnitController(Controller):
    """Controllers of a unit.

    Attributes:
        unit: the unit, or several channels or fitted sites of which each gets controllers of its own.
    """

    unit: Annotated[UnitSpec, Expected("a mapping with the keys layer and channel, or site")]

    @property
    def says_what(self) -> str:
        """The key that says what is controlled."""
        return "unit"

    @property
    def layer(self) -> str:
        """The layer of the unit."""
        return self.unit.layer

    @property
    def of_sites(self) -> bool:
        """Whether fitted sites are controlled, by name."""
        return self.unit.of_sites

    def named_sites(self) -> Iterator[tuple[Location, str]]:
        """Every fitted site that the entry names, and where."""
        if self.unit.site is not None:
            yield ("unit", "site"), self.unit.site
        yield from sites_in("unit", self.unit)


class CautiousController(UnitController):
    """Controllers of a unit that may be held where the members of an ensemble of fits agree.

    Attributes:
        caution: this many standard deviations over the members are taken from the score of a fitted site's controller.
    """

    caution: Weight = 0.0

    def problems(self) -> Iterator[tuple[Location, str]]:
        """What of its keys does not go together."""
        if self.caution and not self.of_sites:
            yield ("caution",), "goes with fitted sites, but the unit here is none: remove it"

    def fit_problems(
        self, sites: Sequence[str], observer: str, spread: Callable[[], bool]
    ) -> Iterator[tuple[Location, str]]:
        """The spread that caution reads, where the fit has none."""
        if self.caution and not spread():
            yield ("caution",), f"wants the spread of an ensemble, but {observer} is one fit: fit an ensemble"


class CautiousWish(Wish):
    """A wish for sites that may be held where the members of an ensemble of fits agree.

    Attributes:
        caution: standard deviations over the ensemble that are taken from the score.
    """

    caution: float | None = Field(default=None, ge=0)


class UnitGoal(Goal):
    """A goal of one unit by itself."""

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """The units, each of which gets controllers of its own."""
        return (units_of(entry.unit, sites),)

    def shared_but(self, entry: Any) -> frozenset[str]:
        """Each item of a batch may be of a unit of its own."""
        return frozenset({"unit"})

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The unit, brought where the goal says."""
        return Aim(goal=self.name, unit=unit_of(item, observer), level=item.level)

    def objective(
        self,
        entry: Any,
        aims: Sequence[Aim],
        measurer: Measuring,
        *,
        references: Tensor | None = None,
        layers: Sequence[str] = (),
    ) -> Objective:
        """Towards the goal; less the doubt of the fit where the entry asks for caution."""
        units = [aim.unit for aim in aims if aim.unit is not None]
        objective = self.towards(units, aims)
        if getattr(entry, "caution", 0.0):
            from synthstim.encoding import SPREAD
            from synthstim.objectives import doubt

            objective = objective + entry.caution * doubt([replace(unit, layer=SPREAD) for unit in units])
        return objective

    def towards(self, units: Sequence[Unit], aims: Sequence[Aim]) -> Objective:
        """The objective of units, one an item."""
        raise NotImplementedError

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless the aim has a unit."""
        if aim.unit is None:
            raise ValueError(f"{self.name} of no unit")

    def blamed(self, entry: Any, named: object) -> Location:
        """The layer, or the unit."""
        return ("unit", "layer") if named == entry.layer else ("unit",)


def units_of(spec: UnitSpec, sites: Sequence[str]) -> list[Variant]:
    """The units that a recipe means; those of several have a part in the id."""
    if spec.of_sites:
        return [
            Variant({"site": site}, distinct_part(site) if spec.sites is not None else "", {"site": site})
            for site in spec.site_list(sites)
        ]
    if not spec.channel_list:
        return [Variant({})]
    return [
        Variant({"channel": channel}, f"ch{channel}" if spec.channels else "", {"channel": channel})
        for channel in spec.channel_list
    ]


def unit_of(item: Item, observer: Observer) -> Unit:
    """The unit that an item is for."""
    from synthstim.models import Unit

    spec: UnitSpec = item.entry.unit  # type: ignore[attr-defined]
    if item.site is not None:
        return site_unit(observer, item.site)
    if item.channel is not None:
        return Unit(layer=spec.layer, channel=item.channel, position=spec.position)
    return Unit(layer=spec.layer, indices=spec.index_list)


def site_unit(observer: Observer, site: str, *, standardised: bool = False) -> Unit:
    """A fitted site as a unit; in z-scores of its measured responses if it is to be standardised."""
    from synthstim.encoding import SITES, STANDARDISED
    from synthstim.models import Unit

    return Unit(layer=STANDARDISED if standardised else SITES, channel=observer.sites.index(site), label=site)


def sites_in(key: str, spec: UnitSpec | OthersSpec) -> Iterator[tuple[Location, str]]:
    """The sites of a list, and where each stands."""
    if spec.sites is not None and spec.sites != ALL:
        yield from (((key, "sites", place), site) for place, site in enumerate(spec.sites))
