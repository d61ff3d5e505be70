"""Whether a recipe's settings suit the modality of what its observer is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from synthstim.errors import InputError
from synthstim.kinds import CONSTRAINTS, PARAMETRISATIONS
from synthstim.modalities import own_modalities
from synthstim.modalities.base import Modality
from synthstim.models import StimulusInput
from synthstim.recipe import STARTS, Controller, Metamer, Recipe


def check_modality(recipe: Recipe, input: StimulusInput) -> None:
    """Raise InputError for the first setting that does not go with the modality of the observer.

    Raises:
        InputError: the setting, what came, and what goes with the modality.
    """
    modality = input.modality
    if "fit" in recipe.model_fields_set and recipe.fit not in modality.fits:
        raise InputError(
            f"fit {recipe.fit!r} does not go with {modality.plural}: choose one of {', '.join(modality.fits)}"
        )
    for problem in _of_others(recipe, modality):
        raise InputError(problem)
    for entry in recipe.stimuli:
        for problem in (*_problems(entry, modality), *_of_others_in(entry, modality)):
            raise InputError(f"{entry.name}: {problem}")


def _others(modality: Modality, names: Callable[[Modality], tuple[str, ...]]) -> Iterator[tuple[str, Modality]]:
    """What is for other modalities alone, and which."""
    for other in own_modalities():
        yield from ((name, other) for name in names(other) if name not in names(modality))


def _of_others(recipe: Recipe, modality: Modality) -> Iterator[str]:
    """Settings of the recipe that are for other modalities alone."""
    set_here = {name for name in recipe.model_fields_set if getattr(recipe, name) is not False}
    controls = {f"controls.{name}" for name in recipe.controls.asked()}
    for name, other in _others(modality, lambda one: (*one.settings, *(f"controls.{name}" for name in one.controls))):
        if name in set_here | controls:
            yield f"{name} is for {other.plural}, the observer {modality.is_given}: remove it"


def _of_others_in(entry: Metamer | Controller, modality: Modality) -> Iterator[str]:
    """Settings of an entry that are for other modalities alone."""
    others = [limit for _, limit in CONSTRAINTS.usable() if limit.modality != modality.name]
    for name in (key for limit in others for key in limit.keys_in(entry.constraints)):
        yield f"the constraint {name} came, but the observer {modality.is_given}: remove it"
    for name, other in _others(modality, lambda one: one.settings):
        if getattr(entry, name, None):
            yield f"{name} is for {other.plural}, but the observer {modality.is_given}: remove it"


def _problems(entry: Metamer | Controller, modality: Modality) -> Iterator[str]:
    if entry.bits is not None and entry.bits not in modality.bits:
        yield f"bits {entry.bits} does not go with {modality.plural}: choose one of {', '.join(map(str, modality.bits))}"
    asked = entry.parametrisation
    if asked is not None and not _suits(asked.kind, modality):
        choices = " or ".join(name for name, _ in PARAMETRISATIONS.usable() if _suits(name, modality))
        yield f"parametrisation {asked.kind!r} came, but the observer {modality.is_given}: choose {choices}"
    free = [name for name in modality.starts if name not in modality.shaped_starts]
    suit = modality.starts if isinstance(entry, Metamer) else free
    if "start" in entry.model_fields_set and entry.start in STARTS and entry.start not in suit:
        yield f"start {entry.start!r} takes the spectrum of a metamer's sound: choose {' or '.join(free)}"


def _suits(parametrisation: str, modality: Modality) -> bool:
    return parametrisation in modality.parametrisations or PARAMETRISATIONS[parametrisation].modality == modality.name
