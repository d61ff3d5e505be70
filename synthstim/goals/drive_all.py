"""Drive several units at once, of one observer or of several: a stimulus that all of them agree on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from synthstim.goals.aim import Aim
from synthstim.goals.base import Goal, Measured, Measuring
from synthstim.goals.card import CardLine
from synthstim.goals.unit import site_unit
from synthstim.recipe.expected import Expected
from synthstim.recipe.stimuli import Controller, Item
from synthstim.recipe.units import UnitSpec
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from synthstim.models import Observer, Unit
    from synthstim.objectives import Objective

Units = Annotated[
    tuple[UnitSpec, ...],
    Field(min_length=2, strict=False),
    Expected(
        "a list of two units or more, such as [{layer: a.blocks.4, channel: 3}, {layer: b.features.6, channel: 9}]"
    ),
]


class DriveAllEntry(Controller):
    """Controllers that drive several units at once.

    Attributes:
        units: one unit each; of several observers the layers say whose.
    """

    goal: Literal["drive_all"]
    units: Units

    def problems(self) -> Iterator[tuple[Location, str]]:
        """Units that are several, or come twice."""
        for place, unit in enumerate(self.units):
            for key in ("channels", "sites"):
                if getattr(unit, key) is not None:
                    yield ("units", place, key), "are several, and each unit here is one: give each its own"
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
        yield from (
            (("units", place, "site"), unit.site) for place, unit in enumerate(self.units) if unit.site is not None
        )


class DriveAllGoal(Goal):
    """The highest activation of the unit that is driven least, in z-scores over the natural pool."""

    name = "drive_all"
    section = DriveAllEntry
    label = "drive all ↑"
    symbol = "triangle-up"
    standardised = True
    lines = (
        CardLine("least driven", "activation", "Of the units, in z-scores over the natural pool"),
        CardLine("best natural", "best_natural", "The highest of the pool, likewise of the least driven unit"),
    )

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The units."""
        entry: Any = item.entry
        return Aim(goal=self.name, units=tuple(_unit(spec, observer) for spec in entry.units))

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

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """All at once must go beyond any of the pool."""
        least, natural = measured["activation"], measured["best_natural"]
        if least <= natural:
            yield f"the least driven unit has z = {least:.3g}, not above the best natural's {natural:.3g}"


def _unit(spec: UnitSpec, observer: Observer) -> Unit:
    from synthstim.models import Unit

    if spec.site is not None:
        return site_unit(observer, spec.site)
    if spec.channel is not None:
        return Unit(layer=spec.layer, channel=spec.channel, position=spec.position)
    return Unit(layer=spec.layer, indices=spec.index_list)


GOAL = DriveAllGoal()
