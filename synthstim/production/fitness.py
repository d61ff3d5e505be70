"""Whether a recipe's settings suit the modality of what its observer is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from synthstim.errors import InputError
from synthstim.kinds import CONSTRAINTS, PARAMETRISATIONS
from synthstim.modalities import own_modalities
from synthstim.modalities.base import Modality
from synthstim.models import StimulusInput
from synthstim.recipe import STARTS, OfReference, Recipe, StimulusSpec
from synthstim.recipe.yaml_source import Location


def check_modality(recipe: Recipe, input: StimulusInput) -> None:
    """Raise InputError for the settings that do not go with the modality of the observer.

    Raises:
        InputError: a line for each: where it stands, what came, and what goes with the modality.
    """
    modality = input.modality
    found = [*_of_recipe(recipe, modality)]
    for number, entry in enumerate(recipe.stimuli):
        for place, problem in (*_of_entry(entry, modality), *_for_others(entry, modality)):
            found.append((("stimuli", number, *place), f"{entry.name}: {problem}"))
    if found:
        raise InputError("\n".join(f"{recipe.at(place)}: {problem}" for place, problem in found), code="mismatch")


def _others(modality: Modality, names: Callable[[Modality], tuple[str, ...]]) -> Iterator[tuple[str, Modality]]:
    """What is for other modalities alone, and which."""
    for other in own_modalities():
        yield from ((name, other) for name in names(other) if name not in names(modality))


def _of_recipe(recipe: Recipe, modality: Modality) -> Iterator[tuple[Location, str]]:
    """What the recipe sets for all its stimuli."""
    if "fit" in recipe.model_fields_set and recipe.fit not in modality.fits:
        choices = ", ".join(modality.fits)
        yield ("fit",), f"fit {recipe.fit!r} does not go with {modality.plural}: choose one of {choices}"
    for name, other in _others(modality, lambda one: one.settings):
        if name in recipe.model_fields_set and getattr(recipe, name) is not False:
            yield (name,), f"{name} is for {other.plural}, the observer {modality.is_given}: remove it"
    for name, other in _others(modality, lambda one: one.controls):
        if name in recipe.controls.asked():
            place = ("controls", name)
            yield place, f"controls.{name} is for {other.plural}, the observer {modality.is_given}: remove it"


def _of_entry(entry: StimulusSpec, modality: Modality) -> Iterator[tuple[Location, str]]:
    if entry.bits is not None and entry.bits not in modality.bits:
        choices = ", ".join(map(str, modality.bits))
        yield ("bits",), f"bits {entry.bits} does not go with {modality.plural}: choose one of {choices}"
    asked = entry.parametrisation
    if asked is not None and not _suits(asked.kind, modality):
        choices = " or ".join(name for name, _ in PARAMETRISATIONS.usable() if _suits(name, modality))
        what = f"parametrisation {asked.kind!r} given, but the observer {modality.is_given}"
        yield ("parametrisation",), f"{what}: choose {choices}"
    free = [name for name in modality.starts if name not in modality.shaped_starts]
    suit = modality.starts if isinstance(entry, OfReference) else free
    if "start" in entry.model_fields_set and entry.start in STARTS and entry.start not in suit:
        what = f"start {entry.start!r} takes the spectrum of a metamer's reference"
        yield ("start",), f"{what}: choose {' or '.join(free)}"


def _for_others(entry: StimulusSpec, modality: Modality) -> Iterator[tuple[Location, str]]:
    """What an entry sets that is for other modalities alone."""
    limits = [limit for _, limit in CONSTRAINTS.usable()]
    # Limits of two modalities may have the same keys.
    own = {key for limit in limits if limit.modality == modality.name for key in limit.options.model_fields}
    for name in dict.fromkeys(key for limit in limits for key in limit.keys_in(entry.constraints) if key not in own):
        what = f"the constraint {name} given, but the observer {modality.is_given}"
        yield ("constraints", name), f"{what}: remove it"
    for name, other in _others(modality, lambda one: one.settings):
        if getattr(entry, name, None):
            yield (name,), f"{name} is for {other.plural}, but the observer {modality.is_given}: remove it"


def _suits(parametrisation: str, modality: Modality) -> bool:
    return parametrisation in modality.parametrisations or PARAMETRISATIONS[parametrisation].modality == modality.name
