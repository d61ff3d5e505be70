"""Opening a model by what a recipe or a command says of it: a name of the zoo, or a function of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthstim.catalogue import OWN
from synthstim.errors import InputError
from synthstim.models.functions import called, imported
from synthstim.models.observer import Observer
from synthstim.models.zoo import load_model, opening

PLACES = (*OWN, "timm", "torchvision", "whisper")


def open_model(
    name: str,
    *,
    weights: str | Path = "default",
    size: tuple[int, int] | None = None,
    seconds: float | None = None,
    rate: int | None = None,
    settings: Mapping[str, Any] | None = None,
    allow_code: bool = False,
    allow_download: bool = False,
) -> Observer:
    """Return the observer of this name, which remembers what opens it again.

    Args:
        name: of ``load_model``; or ``package.module:function`` for a function of the user's that returns an Observer. Of
            ``weights``, ``size``, ``seconds`` and ``rate`` it is given those that were asked for and that it takes.
        weights: ``default``, ``random`` or a file.
        size: (height, width) of images; None for the model's own.
        seconds, rate: of sounds; None for the model's own.
        allow_code: whether that function may be imported and called.
        allow_download: whether a hub may be called for weights.

    Raises:
        InputError: the name asks for what is not allowed; the function fails, or makes another observer than was asked for.
    """
    if not names_code(name):
        return load_model(
            name, weights=weights, size=size, seconds=seconds, rate=rate, settings=settings, download=allow_download
        )
    if settings:
        raise InputError(f"the observer {name!r} is code of yours, settings given", "let the function set them")
    if not allow_code:
        raise InputError(f"the observer {name!r} is code of yours", "allow it with --allow-code", code="not-allowed")
    asked = {"weights": None if weights == "default" else weights, "size": size, "seconds": seconds, "rate": rate}
    made = called(name, imported(name), asked)
    made.opening = opening(name, weights, size=size, seconds=seconds, rate=rate)
    return made


def names_code(name: str) -> bool:
    """Whether this is the name of a function, not of a model."""
    place, colon, _ = name.partition(":")
    return bool(colon) and place not in PLACES


def reopening(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """What ``Observer.opening`` holds, as JSON gives it back, for ``open_model``."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in recorded.items()}
