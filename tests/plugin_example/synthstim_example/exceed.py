"""A goal: drive a unit so many times beyond the best natural stimulus."""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from synthstim.goals.unit import UnitController, UnitGoal
from synthstim.objectives import drive


class ExceedEntry(UnitController):
    goal: Literal["exceed"]
    factor: float = Field(default=1.2, gt=1, le=100)


class ExceedGoal(UnitGoal):
    name, label, section = "exceed", "exceed ⇈", ExceedEntry

    def aim(self, item, observer):
        return replace(super().aim(item, observer), given=(("factor", item.entry.factor),))

    def towards(self, units, aims):
        return drive(units)

    def reasons(self, aim, measured, criteria, target_db=None):
        factor, wanted = dict(aim.given)["factor"], measured["best_natural"]
        if measured["activation"] < factor * wanted:
            yield f"the activation {measured['activation']:.3g} is not {factor:g} times the best natural {wanted:.3g}"


GOAL = ExceedGoal()
