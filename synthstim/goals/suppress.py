"""Suppress a unit as far as the least natural stimulus, or below it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from synthstim.goals.aim import Aim
from synthstim.goals.base import Measured
from synthstim.goals.unit import CautiousController, CautiousWish, UnitGoal

if TYPE_CHECKING:
    from synthstim.models import Unit
    from synthstim.objectives import Objective


class SuppressEntry(CautiousController):
    """Controllers that suppress a unit, or a fitted site."""

    goal: Literal["suppress"]


class SuppressWish(CautiousWish):
    """Images that suppress sites."""

    goal: Literal["suppress"]


class SuppressGoal(UnitGoal):
    """The lowest activation."""

    name = "suppress"
    section = SuppressEntry
    wish = SuppressWish
    label = "suppress ↓"
    farthest = True
    about = "to suppress a unit"
    papers = ("bashivan2019",)
    followed = True
    symbol = "triangle-down"
    higher = False

    def towards(self, units: Sequence[Unit], aims: Sequence[Aim]) -> Objective:
        """Minus the activation."""
        from synthstim.objectives import suppress

        return suppress(units)

    def target(self, entry: Any) -> float | None:
        """The score is minus the activation."""
        return None if entry.target is None else -entry.target

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """It may not be above the pool's least: a unit that is silent cannot go below."""
        activation, natural = measured["activation"], measured["best_natural"]
        if activation > natural:
            yield f"the activation {activation:.3g} is not below the least natural {natural:.3g}"


GOAL = SuppressGoal()
