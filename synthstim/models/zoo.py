"""Observers by name: the embedded ones, models of hearing and of smelling, and any image network of torchvision or timm."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from synthstim.catalogue import DEFAULT, OWN, SEEING
from synthstim.errors import InputError, nearest, said_by
from synthstim.kinds import MODELS
from synthstim.modalities.image.displayed import require_size
from synthstim.modalities.image.input import ImageInput
from synthstim.modalities.sound.input import PLAYED_RATE
from synthstim.models.functions import called, file_of
from synthstim.models.heads import load_checkpoint
from synthstim.models.hearing import load_hearing
from synthstim.models.known_inputs import of_checkpoint, of_timm
from synthstim.models.observer import Observer
from synthstim.models.seeing import load_seeing
from synthstim.models.smelling import load_smelling
from synthstim.models.weights import read_weights, same_random_weights, weights_called

LIBRARIES = ("torchvision", "timm")
_OF_SOUNDS = ("hearing", "whisper")


def model_names() -> dict[str, list[str]]:
    """Names that ``load_model`` knows, by where they come from; those of libraries take seconds."""
    # Imported where they are used: each takes seconds, and the package's own models need neither.
    import timm
    import torchvision

    own = {place: list(entries) for place, entries in OWN.items()}
    plugged = [name for name in MODELS if MODELS.plugged(name)]
    return (
        own
        | ({"plug-ins": plugged} if plugged else {})
        | {
            "torchvision": torchvision.models.list_models(module=torchvision.models),
            "timm": timm.list_models(),
        }
    )


def load_model(
    name: str = DEFAULT,
    *,
    weights: str | Path = "default",
    size: tuple[int, int] | None = None,
    seconds: float | None = None,
    rate: int | None = None,
    settings: Mapping[str, Any] | None = None,
    download: bool = True,
) -> Observer:
    """Return an observer by name, with the preprocessing its network was trained with.

    Args:
        name: ``efficientnet-lite0`` (``1`` and ``2`` with the extra networks), ``squeezenet`` (with the package ndf),
            ``portilla-simoncelli``, ``foveated``, a model of hearing (``whisper-tiny.en``, ``cochleagram``, ...) or of smelling (``olfaction``, ``fly-antenna``), or a
            network of torchvision or timm; ``timm:`` or ``torchvision:`` in front chooses where both have the name, and
            ``whisper:`` a Whisper of the hub or of a folder. A model of an installed plug-in goes before those of libraries.
        weights: ``default`` (trained; a download unless embedded), a file of weights, or ``random``.
        size: (height, width) of images, if not the one the network was trained at.
        seconds: duration of sounds, if not the model's own.
        rate: of sounds as they are saved and played, in Hz; 48,000 by default.
        settings: what a model of this package has besides, by name: ``scaling``, ``fixation`` and ``fovea`` of ``foveated``, ``diluted`` of those that smell.
        download: whether a hub may be called.

    Raises:
        InputError: the name or a setting is unknown, the weights do not fit, or a download is needed and not allowed or impossible.

    Example:
        >>> load_model().layers["blocks.2"]
        (40, 28, 28)
    """
    if not isinstance(name, str):
        raise InputError(
            f"a {type(name).__name__} given; expected the name of a model",
            "a network of your own is wrapped by Observer(network, input=ImageInput(size=(224, 224)))",
        )
    library, short = ("plug-ins", name) if MODELS.plugged(name) else _find(name)
    classical = library == "embedded" and SEEING[short].weights == "none"
    if settings and not (classical or library == "smelling"):
        raise InputError(f"{name} has no settings, {', '.join(settings)} given", "leave them out", code="unknown")
    if library == "plug-ins":
        chosen = {"weights": None if weights == "default" else weights, "size": size, "seconds": seconds, "rate": rate}
        made = called(name, MODELS[name], chosen)
    else:
        _require_asked(name, library, size=size, seconds=seconds, rate=rate)
        if weights == "random" and not classical:
            warnings.warn(f"{name} has RANDOM weights: its stimuli say nothing about a trained model", stacklevel=2)
        if classical:
            made = load_seeing(name, short, weights=weights, size=size, settings=settings or {})
        elif library == "smelling":
            made = load_smelling(name, short, weights=weights, settings=settings or {})
        elif library in _OF_SOUNDS:
            made = load_hearing(
                name, short, weights=weights, seconds=seconds, rate=rate or PLAYED_RATE, download=download
            )
        else:
            made = _image_network(name, library, short, weights=weights, size=size, download=download)
    asked = {"size": size, "seconds": seconds, "rate": rate, "settings": dict(settings) if settings else None}
    made.opening = opening(name, weights, **asked)
    return made


def _image_network(
    name: str, library: str, short: str, *, weights: str | Path, size: tuple[int, int] | None, download: bool
) -> Observer:
    """An embedded network, or one of a library."""
    if weights == "default" and library != "embedded" and not download:
        raise InputError(
            f"the weights of {name} are on a hub",
            "allow it with --allow-download, or give a weights file",
            code="not-allowed",
        )
    with same_random_weights():
        network, shown = _BUILDERS[library](short, trained=weights == "default")
    source = weights_called(weights)
    if source not in ("default", "random"):
        state = read_weights(weights)
        home = SEEING[short].module if library == "embedded" else None
        load_checkpoint(network, getattr(home, "published_state", dict)(state), source)
        shown = of_checkpoint(state, shown)
    return Observer(
        network, input=replace(shown, size=(size[0], size[1])) if size else shown, name=name, weights=source
    )


def _require_asked(
    name: str, library: str, *, size: tuple[int, int] | None, seconds: float | None, rate: int | None
) -> None:
    """Raise InputError for a size of images, a duration or a rate that the model's stimuli have none of."""
    if library == "smelling" and (size, seconds, rate) != (None, None, None):
        raise InputError(
            f"{name} is given odours, a size, duration or rate given",
            "leave it out: its panel is fixed",
            code="mismatch",
        )
    if library in _OF_SOUNDS and size is not None:
        raise InputError(f"{name} is played sounds, size {size} given", "give a duration instead", code="mismatch")
    if size is not None:
        require_size(size)
    if library not in _OF_SOUNDS and (seconds is not None or rate is not None):
        raise InputError(f"{name} is shown images, a duration or a rate given", "give size instead", code="mismatch")


def opening(name: str, weights: str | Path, **asked: Any) -> dict[str, Any]:
    """What opens an observer again: its name, and what was asked for of the rest."""
    # A path is of this machine: the name is enough to ask for the file.
    chosen = {"weights": str(weights) if weights == "random" else Path(weights).name, **asked}
    return {"name": name} | {key: value for key, value in chosen.items() if value not in (None, "default")}


def weights_elsewhere(name: str) -> bool:
    """Whether a model's trained weights are a file of the user's, or on a hub; False for what is no name of a model."""
    if MODELS.plugged(name):
        return False
    try:
        place, short = _find(name)
    except InputError:
        return False
    return place in LIBRARIES or (place in OWN and OWN[place][short].weights == "file")


def _find(name: str) -> tuple[str, str]:
    """Where a name comes from, and what it is called there."""
    library, _, short = name.rpartition(":")
    if name.startswith("whisper:"):
        return "whisper", name.removeprefix("whisper:")
    if own := next((place for place in OWN if library in ("", place) and short in OWN[place]), None):
        return own, short
    known = model_names()
    if library and library not in known:
        raise InputError(f"{name!r} names the library {library!r}", "choose torchvision, timm or whisper")
    for place in [library] if library else known:
        # timm's names may go on with a tag that chooses among its weights: resnet50.a1_in1k.
        if (short.partition(".")[0] if place == "timm" else short) in known[place]:
            return place, short
    if (path := file_of(name)) is not None:
        raise InputError(
            f"no model is called {name!r}; there is a file {path}",
            f"an observer of your own is named {path.stem}:FUNCTION, of the function that returns it",
            code="unknown",
        )
    raise InputError(
        f"no model is called {name!r}: {nearest(short, sorted({n for names in known.values() for n in names}))}",
        code="unknown",
    )


def _embedded(name: str, *, trained: bool) -> tuple[nn.Module, ImageInput]:
    home, options = SEEING[name].module, SEEING[name].options
    network: nn.Module = (home.embedded_network if trained else home.bare_network)(**options)
    return network, home.image_input(**options)


def _torchvision(name: str, *, trained: bool) -> tuple[nn.Module, ImageInput]:
    import torchvision

    best = torchvision.models.get_model_weights(name).DEFAULT
    # Without this the two warn that their random weights are drawn slowly.
    options = {"init_weights": True} if name in ("googlenet", "inception_v3") and not trained else {}
    try:
        network = torchvision.models.get_model(name, weights=best if trained else None, **options)
    except Exception as error:  # a hub may fail in any way: no connection, no space, a damaged file
        if not trained:
            raise
        raise _no_download(name, error) from None
    if hasattr(network, "transform_input"):
        # Inception and GoogLeNet bring ImageNet's normalisation to their own; torchvision does so with its weights only.
        network.transform_input = True
    steps = best.transforms()
    size = steps.crop_size[0]
    return network, ImageInput(size=(size, size), mean=tuple(steps.mean), std=tuple(steps.std))


def _timm(name: str, *, trained: bool) -> tuple[nn.Module, ImageInput]:
    import timm

    try:
        network = timm.create_model(name, pretrained=trained)
    except Exception as error:  # a hub may fail in any way: no connection, no space, a damaged file
        if "pretrained tag" in str(error):
            raise InputError(f"timm has no {name}: {error}, see timm.list_pretrained()") from None
        if "No pretrained weights" in str(error):
            raise InputError(
                f"timm has no trained weights for {name}", "give a weights file or weights random"
            ) from None
        if not trained:
            raise
        raise _no_download(name, error) from None
    return network, of_timm(network.pretrained_cfg)  # type: ignore[arg-type]


def _no_download(name: str, error: Exception) -> InputError:
    return InputError(
        f"the weights of {name} could not be downloaded ({said_by(error, 120)})",
        f"give a weights file, or use {DEFAULT}",
    )


_BUILDERS = {"embedded": _embedded, "torchvision": _torchvision, "timm": _timm}
