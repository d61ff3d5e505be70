"""Bring a population of fitted sites to a pattern of responses, in z-scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from synthstim.goals.aim import Aim
from synthstim.goals.base import Goal, Measured, Measuring
from synthstim.goals.by_site import BySiteEntry, BySiteWish
from synthstim.goals.card import CardLine
from synthstim.goals.unit import site_unit
from synthstim.goals.wish import Want
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import Activation, Text
from synthstim.recipe.stimuli import Item
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from synthstim.models import Observer
    from synthstim.objectives import Objective

ZScores = Annotated[
    dict[Text, Activation],
    Field(min_length=1),
    Expected("z-scores by the names of sites, such as {v4_01: 1.5, v4_02: -1}"),
]


class PatternEntry(BySiteEntry):
    """Controllers that bring fitted sites to a pattern.

    Attributes:
        pattern: the responses wanted of the sites, in z-scores.
    """

    mapping = "pattern"
    goal: Literal["pattern"]
    pattern: ZScores


class PatternWish(BySiteWish):
    """Images that bring sites to a pattern, together.

    Attributes:
        pattern: z-score of each site, on the scale of generation 0.
    """

    mapping = "pattern"
    goal: Literal["pattern"] = "pattern"
    pattern: ZScores


class PatternGoal(Goal):
    """The least distance from the pattern."""

    name = "pattern"
    section = PatternEntry
    wish = PatternWish
    label = "pattern"
    several = True
    about = "to bring a population of sites to a pattern of responses"
    papers = ("bashivan2019",)
    symbol = "cross"
    lines = (
        CardLine("distance", "activation", "Root mean square distance from the pattern, in z-scores"),
        CardLine("nearest natural", "best_natural", "The least distance over the pool"),
    )

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The sites, and what is wanted of each."""
        wanted: dict[str, float] = item.entry.pattern  # type: ignore[attr-defined]
        units = tuple(site_unit(observer, site, standardised=True) for site in wanted)
        return Aim(goal=self.name, units=units, pattern=tuple(map(float, wanted.values())))

    def objective(
        self,
        entry: Any,
        aims: Sequence[Aim],
        measurer: Measuring,
        *,
        references: Tensor | None = None,
        layers: Sequence[str] = (),
    ) -> Objective:
        """Minus the distance from the pattern."""
        import torch

        from synthstim.objectives import pattern

        return pattern(aims[0].units, torch.tensor([aim.pattern for aim in aims]))

    def target(self, entry: Any) -> float | None:
        """The score is minus the distance."""
        return None if entry.target is None else -entry.target

    def blamed(self, entry: Any, named: object) -> Location:
        """The pattern."""
        return ("pattern",)

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless the aim has a pattern."""
        if not aim.pattern:
            raise ValueError("a pattern of no sites")

    def values(self, activations: NDArray[np.float64], aim: Aim) -> NDArray[np.float64]:
        """The root mean square distance from the pattern."""
        distance: NDArray[np.float64] = ((activations - aim.pattern) ** 2).mean(1) ** 0.5
        return distance

    def merit(self, values: Any, aim: Aim) -> Any:
        """Minus the distance."""
        return -values

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """It must come nearer than any of the pool."""
        distance, natural = measured["activation"], measured["best_natural"]
        if distance >= natural:
            yield f"the distance {distance:.3g} from the pattern is not below the nearest natural's {natural:.3g}"

    def wants(self, wish: Any, sites: Sequence[str], scale: Mapping[str, tuple[float, float]]) -> Iterator[Want]:
        """The pattern, once."""
        yield Want(tuple(wish.pattern), pattern=tuple(wish.pattern.values()), alone=False)

    def asked(self, wish: Any, want: Want, as_fitted: Callable[[float, str], float]) -> dict[str, Any]:
        """The pattern in the fit's z-scores."""
        pattern = {site: as_fitted(z, site) for site, z in zip(want.sites, want.pattern, strict=True)}
        return {"pattern": pattern} | self.passed_on(wish, "pattern")

    def standing(self, z: NDArray[np.float64], columns: Sequence[int], aim: Aim) -> NDArray[np.float64]:
        """Minus the distance from the pattern; not a number where none is asked."""
        return super().standing(z, columns, aim) if aim.pattern else z.mean(1) * float("nan")


GOAL = PatternGoal()
