"""Whether a recipe's settings suit what its observer is given: images or sounds."""

from __future__ import annotations

from synthstim.errors import InputError
from synthstim.kinds import CONSTRAINTS, PARAMETRISATIONS
from synthstim.media import BITS, FITS
from synthstim.models import StimulusInput
from synthstim.recipe import Controller, Metamer, Recipe


def check_modality(recipe: Recipe, input: StimulusInput) -> None:
    """Raise InputError for the first setting that does not go with the modality of the observer.

    Raises:
        InputError: the setting, what came, and what goes with images or sounds.
    """
    kind = input.modality
    if recipe.fit not in FITS[kind]:
        raise InputError(f"fit {recipe.fit!r} does not go with {kind}s: choose one of {', '.join(FITS[kind])}")
    for setting in ("level_dbfs", "channel"):
        if kind == "image" and setting in recipe.model_fields_set:
            raise InputError(f"{setting} is for sounds, the observer is shown images: remove it")
    if kind == "sound" and recipe.match_luminance:
        raise InputError("match_luminance is for images, the observer is played sounds: remove it")
    for control in ("noise", "gabor"):
        if kind == "sound" and control in recipe.controls.asked():
            raise InputError(f"controls.{control} is for images, the observer is played sounds: remove it")
    for entry in recipe.stimuli:
        for problem in _problems(entry, kind):
            raise InputError(f"{entry.name}: {problem}")


def _problems(entry: Metamer | Controller, kind: str) -> list[str]:
    verb = "is shown images" if kind == "image" else "is played sounds"
    problems = []
    if entry.bits is not None and entry.bits not in BITS[kind]:
        problems.append(f"bits {entry.bits} does not go with {kind}s: choose one of {', '.join(map(str, BITS[kind]))}")
    asked = entry.parametrisation
    if asked is not None and PARAMETRISATIONS[asked.kind].modality != kind:
        choices = " or ".join(name for name, entry in PARAMETRISATIONS.usable() if entry.modality == kind)
        problems.append(f"parametrisation {asked.kind!r} came, but the observer {verb}: choose {choices}")
    others = [limit for _, limit in CONSTRAINTS.usable() if limit.modality != kind]
    if wrong := [key for limit in others for key in limit.keys_in(entry.constraints)]:
        problems.append(f"the constraint {wrong[0]} came, but the observer {verb}: remove it")
    if entry.start == "shaped" and (kind == "image" or not isinstance(entry, Metamer)):
        problems.append("start 'shaped' takes the spectrum of a metamer's sound: choose pink or white")
    if kind == "sound" and entry.total_variation:
        problems.append("total_variation is of images, but the observer is played sounds: remove it")
    if kind == "sound" and isinstance(entry, Controller) and entry.robustness is not None:
        problems.append("robustness moves images, but the observer is played sounds: remove it")
    return problems
