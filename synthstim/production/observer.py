"""The observer and the natural pool of a set, from its provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.models.opening import reopening
from synthstim.observers import open_observer
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import NaturalPool, natural_pool, require_shown


def observer_of_set(
    stimuli: StimulusSet,
    *,
    observer: str | None = None,
    weights: str | Path | None = None,
    device: str | None = None,
    allow_code: bool = False,
    allow_download: bool = False,
) -> Observer | None:
    """The observer that a set was made on, from its provenance; None for an adopted set.

    Args:
        observer: the name that opens it, if the provenance has none because it was given in Python.
        weights: the weights file, if the set was made with one.

    Raises:
        InputError: the provenance names no observer that can be opened, or a weights file is needed.
    """
    facts = stimuli.provenance.get("observer")
    if facts is None:
        return None
    try:
        name, recorded = str(facts["name"]), str(facts["weights"])
        axes = {str(layer): str(words) for layer, words in dict(facts.get("axes", {})).items()}
        input = stimuli.modality.input_of(dict(facts["input"]))
        # Sets of earlier versions hold no more than the name.
        opening = reopening(facts.get("opening", {"name": name, "weights": recorded, **input.asked}) or {})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{stimuli.root}/provenance.json does not describe an observer ({error})") from None
    require_shown(stimuli, input)
    if observer is not None:
        opening = {"name": observer}
    if not opening:
        raise InputError(
            f"{stimuli.root} was made in Python on an observer of yours, {name!r}",
            "name the function that makes it with --observer package.module:function",
        )
    needed = opening.pop("weights", "default")
    if weights is None and needed not in ("default", "random"):
        raise InputError(f"{stimuli.root} was made with the weights file {needed}", "name it with --weights")
    made = open_observer(
        opening.pop("name"),
        weights=weights or needed,
        **opening,
        device=device,
        allow_code=allow_code,
        allow_download=allow_download,
    )
    return made.given(input, name=name, weights=recorded, axes=axes)


def open_second(name: str, stimuli: StimulusSet, **allowed: Any) -> Observer:
    """Another observer, to measure a set's stimuli on: of sounds, at their rate and duration."""
    modality, first = stimuli.modality, stimuli.provenance.get("observer", {}).get("input", {})
    return open_observer(name, **allowed, **(modality.input_of(first).asked if first and not modality.resizes else {}))


def pool_of_set(stimuli: StimulusSet, observer: Observer, folder: str | Path | None = None) -> NaturalPool:
    """The natural pool that a set was made with: what packages carry, or a folder.

    Raises:
        InputError: the set was made with a folder, and none is given.
    """
    source = stimuli.provenance.get("pool", {}).get("source")
    if folder is None and source not in (None, stimuli.modality.carried):
        raise InputError(
            f"{stimuli.root} was made with the natural {stimuli.modality.plural} of the folder {source!r}",
            "name it with --pool",
        )
    made = stimuli.provenance
    return natural_pool(observer, folder, level_dbfs=made.get("level_dbfs"), channel=made.get("channel"))
