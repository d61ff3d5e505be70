"""Goals: what a stimulus is to do. All that depends on which goal it is stands in one file, or in a plug-in's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthstim.registry import Registry, having

if TYPE_CHECKING:
    from synthstim.goals.base import Goal

GOALS: Registry[Goal] = Registry(
    "goal", "synthstim.goals", "GOAL", "synthstim.goals", having("name", "section", "reasons")
)
