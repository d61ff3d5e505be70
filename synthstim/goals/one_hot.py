"""Drive one unit while others stay down, by its share in a softmax.

The one-hot population of Bashivan et al. 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from synthstim.goals.aim import Aim
from synthstim.goals.base import Measured, Measuring
from synthstim.goals.card import ACTIVATION, BEST_NATURAL, RATIO
from synthstim.goals.unit import UnitController, UnitGoal, site_unit, sites_in, unit_of
from synthstim.goals.wish import Wish
from synthstim.recipe.stimuli import Item
from synthstim.recipe.units import SITES, OthersSpec
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from synthstim.models import Observer, Unit
    from synthstim.objectives import Objective


# Of fitted sites: see docs/control_study.md.
SITES_WEIGHT = 1.5


class OneHotEntry(UnitController):
    """Controllers that drive a unit and hold others down.

    Attributes:
        others: the units that are held down; of a fitted site, all other sites by default.
        temperature: of the softmax; higher spreads the weight over more of the others.
        others_weight: how much holding the others down counts beside driving the unit; by default 1.5 for fitted sites,
            which answer more than their fit predicts, and 1 for units of a layer.
        zscore: whether units are compared in z-scores: over the pool, or of fitted sites by their measured responses.
    """

    goal: Literal["one_hot"]
    others: OthersSpec | None = None
    temperature: float = Field(default=1.0, gt=0.0001, le=1_000_000)
    others_weight: float | None = Field(default=None, gt=0, le=1000)
    zscore: bool = True

    def problems(self) -> Iterator[tuple[Location, str]]:
        """Others that are not of the unit's kind, or the unit itself."""
        if self.others is None:
            if not self.unit.of_sites:
                yield ("goal",), f"{self.goal!r} needs others: give the units to hold down, as layer and channels"
        elif (self.others.sites is not None) != self.unit.of_sites:
            came = ("sites", "a unit of a layer") if self.others.sites is not None else ("units of a layer", "a site")
            yield ("others",), f"are {came[0]}, but what is driven is {came[1]}: give both in one way"
        elif not self.unit.of_sites:
            for key, place, number in self.others.shared(self.unit):
                yield ("others", key, place), f"is {number}, which the unit to drive has too: remove it"

    def other_sites(self, target: str, sites: Sequence[str]) -> tuple[str, ...]:
        """The sites that are held down while a site is driven: those that are named, or all, but itself."""
        named = sites if self.others is None else self.others.site_list(sites)
        return tuple(site for site in named if site != target)

    def named_sites(self) -> Iterator[tuple[Location, str]]:
        """Every fitted site that the entry names, and where."""
        yield from super().named_sites()
        if self.others is not None:
            yield from sites_in("others", self.others)

    def fit_problems(
        self, sites: Sequence[str], observer: str, spread: Callable[[], bool]
    ) -> Iterator[tuple[Location, str]]:
        """A site beside which there is none to hold down."""
        for site in self.unit.site_list(sites):
            if not self.other_sites(site, sites):
                yield ("goal",), f"is {self.goal!r}, but there is no site to hold down beside {site!r}: name others"
                return


class OneHotWish(Wish):
    """Images that drive one site alone.

    Attributes:
        temperature: of the softmax; None takes the recipe's default.
        others_weight: how much holding the others down counts; None takes the recipe's default.
    """

    goal: Literal["one_hot"]
    temperature: float | None = Field(default=None, gt=0)
    others_weight: float | None = Field(default=None, gt=0, le=1000)


class OneHotGoal(UnitGoal):
    """The highest activation above the others'."""

    name = "one_hot"
    section = OneHotEntry
    wish = OneHotWish
    label = "one hot"
    farthest = True
    about = "to drive one unit while others are held down"
    papers = ("bashivan2019",)
    symbol = "star"
    lines = (ACTIVATION, BEST_NATURAL, RATIO)

    def shared_but(self, entry: Any) -> frozenset[str]:
        """Fitted sites have the others of each; units of a layer share them."""
        return frozenset({"unit"}) if entry.of_sites else frozenset()

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The unit, and the others."""
        entry: Any = item.entry
        others = _others(item, entry, observer)
        return Aim(goal=self.name, unit=unit_of(item, observer), others=others, zscore=entry.zscore)

    def objective(
        self,
        entry: Any,
        aims: Sequence[Aim],
        measurer: Measuring,
        *,
        references: Tensor | None = None,
        layers: Sequence[str] = (),
    ) -> Objective:
        """Fitted sites are compared in z-scores of their measured responses, units of the network over the pool."""
        import numpy as np
        import torch

        from synthstim.objectives import drive, one_hot

        sets = [[aim.unit, *aim.others] for aim in aims if aim.unit is not None]
        mean = std = None
        driven = [units[0] for units in sets]
        fitted = [in_z_scores(units) for units in sets]
        if entry.zscore and all(fitted):
            sets = [list(units or ()) for units in fitted]
        elif entry.zscore:
            # All at once: each new unit costs a pass through the pool.
            measurer.natural_activations([unit for units in sets for unit in units])
            mean, std = (
                torch.from_numpy(np.stack(part))
                for part in zip(*(measurer.standardisation(units) for units in sets), strict=True)
            )
        targets, others = [units[0] for units in sets], [units[1:] for units in sets]
        weight = entry.others_weight or (SITES_WEIGHT if entry.of_sites else 1.0)
        alone = one_hot(targets, others, temperature=entry.temperature, others_weight=weight, mean=mean, std=std)
        # A target is of the response as recorded, also where z-scores are compared.
        return alone if entry.target is None or targets == driven else alone.judged_by(drive(driven))

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless the aim has a unit and others."""
        super().require_whole(aim)
        if not aim.others:
            raise ValueError(f"{self.name} beside no other unit")

    def measure(
        self, measurer: Measuring, stimulus: Any, aim: Aim, reference: Any = None, layers: Sequence[str] = ()
    ) -> Measured:
        """The activation, and whether the unit is the most driven one."""
        compared = _compared(measurer, stimulus, aim)
        return super().measure(measurer, stimulus, aim) | {"wins": bool(compared[0] > compared[1:].max())}

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """Its unit must be the most driven."""
        if not measured["wins"]:
            fitted = aim.unit is not None and in_z_scores([aim.unit]) is not None
            compared = "in z-scores" if fitted else "z-scored over the pool"
            yield f"the target is not the most driven unit of its set ({compared if aim.zscore else 'in activations'})"

    def standing(self, z: NDArray[np.float64], columns: Sequence[int], aim: Aim) -> NDArray[np.float64]:
        """The response above that of the most driven other site."""
        import numpy as np

        (column,) = columns
        others = np.delete(z, column, axis=1)
        highest = np.where(np.isnan(others), -np.inf, others).max(1, initial=-np.inf)
        above: NDArray[np.float64] = z[:, column] - np.where(np.isfinite(highest), highest, 0.0)
        return above


def in_z_scores(units: Sequence[Unit]) -> tuple[Unit, ...] | None:
    """The same fitted sites in z-scores of their measured responses; None unless all are fitted sites."""
    from synthstim.encoding import STANDARDISED

    if any(unit.layer != SITES for unit in units):
        return None
    return tuple(replace(unit, layer=STANDARDISED) for unit in units)


def _others(item: Item, entry: OneHotEntry, observer: Observer) -> tuple[Unit, ...]:
    from synthstim.models import Unit

    if item.site is not None:
        return tuple(site_unit(observer, site) for site in entry.other_sites(item.site, observer.sites))
    held = entry.others
    assert held is not None
    channels = tuple(Unit(layer=held.layer, channel=channel, position=held.position) for channel in held.channels or ())
    return channels + tuple(Unit(layer=held.layer, indices=(index,)) for index in held.indices or ())


def _compared(measurer: Measuring, stimulus: Any, aim: Aim) -> NDArray[np.float64]:
    """The unit and the others (unit,) of one stimulus as they are compared."""
    from synthstim.models import read_units

    assert aim.unit is not None
    units = [aim.unit, *aim.others]
    fitted = in_z_scores(units) if aim.zscore else None
    values = read_units(measurer.observer, measurer.batch(stimulus), fitted or units)[0].double().cpu().numpy()
    if fitted is not None or not aim.zscore:
        return values
    mean, std = measurer.standardisation(units)
    return (values - mean) / std


GOAL = OneHotGoal()
