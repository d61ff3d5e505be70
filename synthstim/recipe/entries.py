"""The entries of a recipe: which schema each has, its kind and its goal say."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from synthstim.goals import GOALS
from synthstim.recipe.expected import Expected
from synthstim.recipe.keyed import Keyed
from synthstim.recipe.stimuli import StimulusSpec

Entry = Annotated[
    StimulusSpec,
    Keyed("goal", GOALS, lambda goal: goal.section, "a mapping with name, kind and what the kind needs"),
]
Entries = Annotated[
    tuple[Entry, ...], Field(min_length=1, strict=False), Expected("a list of stimuli, each with a name and a kind")
]
