"""Recipes: YAML files that say which stimuli to make, validated whole before anything runs."""

from __future__ import annotations

from pathlib import Path

from synthstim.recipe.constraints import Constraints
from synthstim.recipe.controls import ControlsSpec
from synthstim.recipe.expected import Expected
from synthstim.recipe.items import expand
from synthstim.recipe.making import STARTS, OptimiserSpec
from synthstim.recipe.observers import ObserverSpec
from synthstim.recipe.problems import problem, raise_problems, validate
from synthstim.recipe.schema import Criteria, Recipe
from synthstim.recipe.sites import site_problems
from synthstim.recipe.stimuli import Controller, Distortion, Item, Metamer, OfReference, RobustnessSpec, StimulusSpec
from synthstim.recipe.units import SITES, OthersSpec, UnitSpec
from synthstim.recipe.yaml_source import Source, parse_yaml, read_yaml

__all__ = [
    "SITES",
    "STARTS",
    "Constraints",
    "Controller",
    "ControlsSpec",
    "Criteria",
    "Distortion",
    "Expected",
    "Item",
    "Metamer",
    "ObserverSpec",
    "OfReference",
    "OptimiserSpec",
    "OthersSpec",
    "Recipe",
    "RobustnessSpec",
    "Source",
    "StimulusSpec",
    "UnitSpec",
    "expand",
    "parse_yaml",
    "problem",
    "raise_problems",
    "read_recipe",
    "read_yaml",
    "site_problems",
    "validate",
]


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe file and check all of it, the files that it names included.

    Raises:
        InputError: the file cannot be read, or the recipe has problems; each is on a line of its own, with the line
            of the file, what came and what was wanted.

    Example:
        >>> recipe = read_recipe("recipe.yaml")
    """
    return Recipe.from_source(read_yaml(path))
