"""Drive a unit beyond what any natural stimulus does to it.

The stretch of Bashivan et al. 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from synthstim.goals.aim import Aim
from synthstim.goals.base import Measured
from synthstim.goals.card import ACTIVATION, BEST_NATURAL, RATIO
from synthstim.goals.unit import CautiousController, CautiousWish, UnitGoal

if TYPE_CHECKING:
    from synthstim.models import Unit
    from synthstim.objectives import Objective


class DriveEntry(CautiousController):
    """Controllers that drive a unit, or a fitted site."""

    goal: Literal["drive"]


class DriveWish(CautiousWish):
    """Images that drive sites."""

    goal: Literal["drive"]


class DriveGoal(UnitGoal):
    """The highest activation."""

    name = "drive"
    section = DriveEntry
    wish = DriveWish
    label = "drive ↑"
    farthest = True
    about = "to drive a unit"
    papers = ("bashivan2019",)
    followed = True
    symbol = "triangle-up"
    lines = (ACTIVATION, BEST_NATURAL, RATIO)

    def towards(self, units: Sequence[Unit], aims: Sequence[Aim]) -> Objective:
        """The activation."""
        from synthstim.objectives import drive

        return drive(units)

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """It must go beyond the pool."""
        activation, natural = measured["activation"], measured["best_natural"]
        if activation <= natural:
            yield f"the activation {activation:.3g} is not above the best natural {natural:.3g}"


GOAL = DriveGoal()
