"""Drive a population along an axis of its responses, such as a principal component or a decoder's weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from synthstim.goals.by_site import BySiteEntry, BySiteWish
from synthstim.goals.population import PopulationGoal
from synthstim.goals.unit import site_unit
from synthstim.goals.wish import Want
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import Activation, Text
from synthstim.recipe.stimuli import Item, Variant
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from synthstim.goals.aim import Aim
    from synthstim.models import Observer, Unit

Weights = Annotated[
    dict[Text, Activation],
    Field(min_length=1),
    Expected("weights by the names of sites, such as {v4_01: 0.8, v4_02: -0.6}"),
]


class AxisEntry(BySiteEntry):
    """Controllers that drive fitted sites along an axis.

    Attributes:
        weights: of each site's z-score; only their ratios matter.
    """

    mapping = "weights"
    goal: Literal["drive_axis"]
    weights: Weights

    def problems(self) -> Iterator[tuple[Location, str]]:
        """Weights that are all 0 name no axis."""
        if not any(self.weights.values()):
            yield ("weights",), "are all 0, which is no axis: give one that is not"


class AxisWish(BySiteWish):
    """Images that drive sites along an axis.

    Attributes:
        weights: of each site.
    """

    mapping = "weights"
    goal: Literal["drive_axis"] = "drive_axis"
    weights: Weights


class DriveAxis(PopulationGoal):
    """The highest projection of z-scores on the axis, whose weights are brought to unit length."""

    name = "drive_axis"
    section = AxisEntry
    wish = AxisWish
    label = "axis ↗"
    about = "to move several units along an axis of their space"
    papers = ("bashivan2019",)
    symbol = "arrow"

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """One stimulus is for all."""
        return ()

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The sites, and what each counts for."""
        entry: Any = item.entry
        return self.aimed(
            {site_unit(observer, site, standardised=True): weight for site, weight in _unit(entry.weights).items()}
        )

    def called(self, weights: Mapping[Unit, float]) -> str:
        """How tables call the axis."""
        return " ".join(f"{weight:+.2g} {unit.name}" for unit, weight in weights.items())

    def wished(self, wish: Any, sites: Sequence[str]) -> dict[str, float]:
        """What each site counts for."""
        return _unit(wish.weights)

    def asked(self, wish: Any, want: Want, as_fitted: Callable[[float, str], float]) -> dict[str, Any]:
        """The weights."""
        return self.passed_on(wish)


def _unit(weights: Mapping[str, float]) -> dict[str, float]:
    length = sum(weight**2 for weight in weights.values()) ** 0.5
    return {site: weight / length for site, weight in weights.items() if weight}


GOAL = DriveAxis()
