"""The observer that a recipe names, with what the recipe may not do by itself."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthstim.encoding import load_fit
from synthstim.errors import InputError
from synthstim.models import ImageInput, Observer, SoundInput, StimulusInput, load_model
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import CARRIED, NaturalPool, natural_pool, require_shown

LIBRARIES = ("timm", "torchvision", "whisper")


def open_observer(
    name: str,
    *,
    weights: str | Path = "default",
    size: tuple[int, int] | None = None,
    seconds: float | None = None,
    rate: int | None = None,
    axes: Mapping[str, str] | None = None,
    device: str | None = None,
    allow_code: bool = False,
    allow_download: bool = False,
) -> Observer:
    """Return the observer of this name on a device.

    Args:
        name: a model's name; ``fit:FOLDER`` for the sites that were fitted and saved there; or
            ``package.module:function`` for a function of the user's that returns an Observer.
        axes: what the axes of its layers stand for, where that is declared.
        allow_code: whether that function may be imported and called.
        allow_download: whether a hub may be called for weights.

    Raises:
        InputError: the name asks for what is not allowed, or the device is not there.
    """
    place, colon, function = name.partition(":")
    if place == "fit" and colon:
        fitted = load_fit(function, download=allow_download).observer
        observer = fitted.given(fitted.input, name=name)
    elif not colon or place in LIBRARIES:
        observer = load_model(name, weights=weights, size=size, seconds=seconds, rate=rate, download=allow_download)
    elif not allow_code:
        raise InputError(f"the observer {name!r} is code of yours: allow it with --allow-code")
    else:
        observer = _call(place, function)
    if axes:
        observer = observer.given(observer.input, axes=axes)
        observer.axes.require_fitting()
    return observer.to(device) if device else observer


def _call(module: str, function: str) -> Observer:
    try:
        made = getattr(importlib.import_module(module), function)()
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"the observer {module}:{function} cannot be imported ({error}): check the name and PYTHONPATH"
        ) from None
    if not isinstance(made, Observer):
        raise InputError(f"{module}:{function} returned a {type(made).__name__}: wanted a synthstim.Observer")
    return made


def check_device(device: str | None) -> None:
    """Raise InputError unless the device can be used."""
    import torch

    if device is None:
        return
    try:
        torch.zeros(1, device=device).sum()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"the device {device!r} cannot be used here ({str(error).splitlines()[0]}): try cpu") from None


def observer_of_set(
    stimuli: StimulusSet,
    *,
    weights: str | Path | None = None,
    device: str | None = None,
    allow_code: bool = False,
    allow_download: bool = False,
) -> Observer | None:
    """The observer that a set was made on, from its provenance; None for an adopted set.

    Args:
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
        input = _input(dict(facts["input"]), stimuli.modality)
        require_shown(stimuli, input)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{stimuli.root}/provenance.json does not describe an observer ({error})") from None
    if weights is None and recorded not in ("default", "random"):
        raise InputError(f"{stimuli.root} was made with the weights file {recorded}: name it with --weights")
    check_device(device)
    observer = open_observer(
        name,
        weights=weights or recorded,
        **_given(input),
        device=device,
        allow_code=allow_code,
        allow_download=allow_download,
    )
    return observer.given(input, name=name, weights=recorded, axes=axes)


def _input(facts: dict[str, Any], modality: str) -> StimulusInput:
    known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
    return SoundInput(**known) if modality == "sound" else ImageInput(**known)


def _given(input: StimulusInput) -> dict[str, Any]:
    """What ``open_observer`` needs to build an observer of this input."""
    if isinstance(input, SoundInput):
        return {"seconds": input.seconds, "rate": input.rate}
    return {"size": input.size}


def open_second(name: str, stimuli: StimulusSet, **allowed: Any) -> Observer:
    """Another observer, to measure a set's stimuli on: of sounds, at their rate and duration."""
    first = stimuli.provenance.get("observer", {}).get("input", {})
    if stimuli.modality == "sound":
        allowed |= {"seconds": first["samples"] / first["rate"], "rate": first["rate"]}
    return open_observer(name, **allowed)


def pool_of_set(stimuli: StimulusSet, observer: Observer, folder: str | Path | None = None) -> NaturalPool:
    """The natural pool that a set was made with: what packages carry, or a folder.

    Raises:
        InputError: the set was made with a folder, and none is given.
    """
    source = stimuli.provenance.get("pool", {}).get("source")
    if folder is None and source not in (None, *CARRIED):
        raise InputError(
            f"{stimuli.root} was made with the natural {stimuli.modality}s of the folder {source!r}: name it with --pool"
        )
    made = stimuli.provenance
    return natural_pool(observer, folder, level_dbfs=made.get("level_dbfs"), channel=made.get("channel"))
