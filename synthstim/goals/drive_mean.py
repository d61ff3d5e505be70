"""Drive the mean of a population: an area, or a group of sites that prefer one thing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from synthstim.goals.population import PopulationEntry, PopulationGoal, names_of
from synthstim.goals.wish import Wish

if TYPE_CHECKING:
    from synthstim.models import Unit


class MeanEntry(PopulationEntry):
    """Controllers that drive the mean of units."""

    goal: Literal["drive_mean"]


class MeanWish(Wish):
    """Images that drive the mean of sites."""

    goal: Literal["drive_mean"]


class DriveMean(PopulationGoal):
    """The highest mean of z-scores."""

    name = "drive_mean"
    section = MeanEntry
    wish = MeanWish
    label = "mean ↑"
    about = "to drive several units on average"
    papers = ("bashivan2019",)
    symbol = "triangle-ne"

    def called(self, weights: Mapping[Unit, float]) -> str:
        """How tables call the population."""
        return f"mean of {names_of(list(weights))}"


GOAL = DriveMean()
