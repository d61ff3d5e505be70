"""What goals of a population share: fitted sites, or units of a layer, that one stimulus controls together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from synthstim.goals.aim import Aim
from synthstim.goals.base import Goal, Measured, Measuring
from synthstim.goals.card import CardLine
from synthstim.goals.unit import site_unit, sites_in
from synthstim.goals.wish import Want, Wish
from synthstim.recipe.stimuli import Controller, Item, Variant
from synthstim.recipe.units import OthersSpec
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from synthstim.models import Observer, Unit
    from synthstim.objectives import Objective

    Values = NDArray[np.float64]

MOST_LETTERS = 60


class PopulationEntry(Controller):
    """Controllers of several units together.

    Attributes:
        units: fitted sites, channels or indices; each counts in its z-score: of fitted sites over their measured responses, of
            other units over the natural pool.
    """

    units: OthersSpec

    @property
    def says_what(self) -> str:
        """The key that says what is controlled."""
        return "units"

    @property
    def layer(self) -> str:
        """The layer of the units."""
        return self.units.layer

    @property
    def of_sites(self) -> bool:
        """Whether fitted sites are controlled, by name."""
        return self.units.sites is not None

    def named_sites(self) -> Iterator[tuple[Location, str]]:
        """Every fitted site that the entry names, and where."""
        yield from sites_in("units", self.units)


class PopulationGoal(Goal):
    """A goal of several units together."""

    several = True
    standardised = True
    farthest = True
    lines = (
        CardLine("population", "activation", "Of all units together, in z-scores"),
        CardLine("best natural", "best_natural", "The highest of the pool, in z-scores"),
    )

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """One stimulus is for all; of ``all`` sites those that are good enough."""
        return ([Variant({"sites": entry.units.site_list(sites)})],)

    def weights(self, entry: Any, units: Sequence[Unit], item: Item, observer: Observer) -> dict[Unit, float]:
        """What each unit counts for."""
        return dict.fromkeys(units, 1 / len(units))

    def called(self, weights: Mapping[Unit, float]) -> str:
        """How tables call the population."""
        raise NotImplementedError

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The units, and as its pattern what each counts for."""
        entry: Any = item.entry
        units = units_together(entry.units, observer, item.given.get("sites", ()))
        return self.aimed(self.weights(entry, units, item, observer))

    def aimed(self, weights: Mapping[Unit, float]) -> Aim:
        """The aim of units that count for so much each."""
        given = (("called", shortened(self.called(weights))),)
        return Aim(goal=self.name, units=tuple(weights), pattern=tuple(weights.values()), given=given)

    def objective(
        self,
        entry: Any,
        aims: Sequence[Aim],
        measurer: Measuring,
        *,
        references: Tensor | None = None,
        layers: Sequence[str] = (),
    ) -> Objective:
        """Towards the goal, in z-scores."""
        import torch

        from synthstim.objectives import population_drive

        mean, std = (torch.from_numpy(value) for value in measurer.standardisation(aims[0].units))
        return population_drive(aims[0].units, aims[0].pattern, mean=mean, std=std)

    def blamed(self, entry: Any, named: object) -> Location:
        """The units."""
        return (entry.says_what,)

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless the aim has units, and a name for all of them."""
        if not aim.pattern or not aim.given:
            raise ValueError(f"{self.name} of no population")

    def values(self, activations: Values, aim: Aim) -> Values:
        """The projection on the axis, in z-scores."""
        import numpy as np

        projected: Values = activations @ np.array(aim.pattern)
        return projected

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """It must go beyond the pool."""
        activation, natural = measured["activation"], measured["best_natural"]
        if activation <= natural:
            yield f"the population's {activation:.3g} is not above the best natural {natural:.3g}, in z-scores"

    def wants(self, wish: Any, sites: Sequence[str], scale: Mapping[str, tuple[float, float]]) -> Iterator[Want]:
        """The population, once."""
        weights = self.wished(wish, sites)
        yield Want(tuple(weights), pattern=tuple(weights.values()), alone=False)

    def wished(self, wish: Any, sites: Sequence[str]) -> dict[str, float]:
        """What each site counts for."""
        named = sites if isinstance(wish.sites, str) else wish.sites
        return dict.fromkeys(named, 1 / len(named)) if named else {}

    def asked(self, wish: Wish, want: Want, as_fitted: Callable[[float, str], float]) -> dict[str, Any]:
        """The sites."""
        return {"units": {"sites": list(want.sites)}} | self.passed_on(wish)

    def standing(self, z: Values, columns: Sequence[int], aim: Aim) -> Values:
        """By measured z-scores of those that were recorded; not a number where none was."""
        return super().standing(z, columns, aim) if aim.pattern else z.mean(1) * float("nan")


def units_together(spec: OthersSpec, observer: Observer, sites: Sequence[str] = ()) -> tuple[Unit, ...]:
    """The units that a recipe means, in the order that it names them; of fitted sites their z-scores."""
    from synthstim.models import Unit

    if spec.sites is not None:
        return tuple(site_unit(observer, site, standardised=True) for site in sites)
    channels = tuple(Unit(layer=spec.layer, channel=channel, position=spec.position) for channel in spec.channels or ())
    return channels + tuple(Unit(layer=spec.layer, indices=(index,)) for index in spec.indices or ())


def names_of(units: Sequence[Unit]) -> str:
    """Their names, one after the other."""
    return ", ".join(unit.name for unit in units)


def shortened(name: str) -> str:
    """A name that a table has room for; a long one ends with a few digits of its own.

    >>> shortened("mean of v4_1, v4_2"), len(shortened("v4_1, " * 40))
    ('mean of v4_1, v4_2', 60)
    """
    if len(name) <= MOST_LETTERS:
        return name
    return f"{name[: MOST_LETTERS - 8]}... {hashlib.sha256(name.encode()).hexdigest()[:4]}"
