"""Goals as a plug-in has them: bring a unit to so many times what the best natural stimulus does; match loosely."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from pydantic import Field

from synthstim.goals.aim import Aim
from synthstim.goals.match import MatchGoal
from synthstim.goals.unit import UnitController, UnitGoal
from synthstim.goals.wish import Wish
from synthstim.recipe.stimuli import Metamer


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


class LooseEntry(Metamer):
    goal: Literal["loose"]
    error: float = Field(gt=0, le=1)


class LooseGoal(MatchGoal):
    name = "loose"
    section = LooseEntry
    label = "loose match"

    def aim(self, item, observer):
        return replace(super().aim(item, observer), given=(("error", item.entry.error),))

    def reasons(self, aim, measured, criteria, target_db=None):
        error = 10 ** (-measured["match_db"] / 20)
        if error > dict(aim.given)["error"]:
            yield f"the error is {error:.3g}"


GOAL = TimesGoal()
LOOSE = LooseGoal()
BROKEN = object()
