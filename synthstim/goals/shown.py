"""The goals that tables name: a set shows also where its goal is not installed."""

from __future__ import annotations

from synthstim.goals import GOALS
from synthstim.goals.base import Goal

# Goals of kinds of which sets that were made elsewhere do not say any.
_OF_KINDS = {"metamer": "match"}


class UnknownGoal(Goal):
    """A goal of which the name alone is known; its cards have the contract's defaults."""

    def __init__(self, name: str) -> None:
        self.name = self.label = name


def goal_shown(name: str, kind: str = "") -> Goal:
    """The goal of a row of a table, by its name, or by its kind where it names none.

    >>> goal_shown("drive").label, goal_shown("tickle").label, goal_shown("", "metamer").label
    ('drive ↑', 'tickle', 'match')
    """
    name = name or _OF_KINDS.get(kind, "")
    return GOALS[name] if name in GOALS else UnknownGoal(name)
