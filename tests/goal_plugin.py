"""A goal as a plug-in has it: bring a unit to so many times what the best natural stimulus does to it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthstim.goals.aim import Aim
from synthstim.goals.unit import UnitController, UnitGoal
from synthstim.goals.wish import Wish


class TimesEntry(UnitController):
    goal: Literal["times"]
    times: float = Field(gt=0, le=100)


class TimesWish(Wish):
    goal: Literal["times"]
    times: float = Field(gt=0, le=100)


class TimesGoal(UnitGoal):
    name = "times"
    section = TimesEntry
    wish = TimesWish
    label = "times best"

    def aim(self, item, observer):
        aim = super().aim(item, observer)
        return Aim(goal=self.name, unit=aim.unit, given=(("times", item.entry.times),))

    def objective(self, entry, aims, measurer, *, references=None, layers=()):
        from synthstim.objectives import level

        units = [aim.unit for aim in aims]
        best = measurer.natural_activations(units).max(0)
        return level(units, [float(value * dict(aim.given)["times"]) for value, aim in zip(best, aims, strict=True)])


GOAL = TimesGoal()
BROKEN = object()
