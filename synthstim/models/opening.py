"""Opening a model by what a recipe or a command says of it: a name of the zoo, or a function of the user's."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthstim.catalogue import OWN
from synthstim.errors import InputError, nearest, said_by
from synthstim.modalities.sound.input import SoundInput
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
        return load_model(name, weights=weights, size=size, seconds=seconds, rate=rate, download=allow_download)
    if not allow_code:
        raise InputError(f"the observer {name!r} is code of yours: allow it with --allow-code")
    chosen = {"weights": None if weights == "default" else weights, "size": size, "seconds": seconds, "rate": rate}
    asked = {key: value for key, value in chosen.items() if value is not None}
    made = _called(name, asked)
    require_asked(made, name, asked)
    made.opening = opening(name, weights, size=size, seconds=seconds, rate=rate)
    return made


def names_code(name: str) -> bool:
    """Whether this is the name of a function, not of a model."""
    place, colon, _ = name.partition(":")
    return bool(colon) and place not in PLACES


def require_asked(made: Observer, name: str, asked: Mapping[str, Any]) -> None:
    """Raise InputError unless an observer that brings its own settings has those that were asked for."""
    for key in ("size", "seconds", "rate"):
        if key in asked and getattr(made.input, key, None) != asked[key]:
            raise InputError(
                f"{name} is {made.input.verb} {made.input.words}, {key} {asked[key]} came: leave it out, or let the function"
                f" take {key}"
            )


def _called(name: str, asked: Mapping[str, Any]) -> Observer:
    """What the user's function returns."""
    module, _, function = name.partition(":")
    try:
        code = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(f"the observer {name} cannot be imported ({error}): check the name and PYTHONPATH") from None
    except Exception as error:
        raise InputError(f"{module} fails as it is imported: {_told(error)}") from error
    make = getattr(code, function, None)
    if not callable(make):
        known = [key for key, value in vars(code).items() if inspect.isfunction(value)]
        raise InputError(f"{module} has no function {function!r}: {nearest(function, known)}")
    takes = inspect.signature(make).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
    if "weights" in asked and "weights" not in takes and not open_ended:
        raise InputError(f"{name} takes no weights, {asked['weights']} came: leave them out, or let it take weights")
    try:
        made = make(**{key: value for key, value in asked.items() if key in takes or open_ended})
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name} failed: {_told(error)}") from error
    if not isinstance(made, Observer):
        raise InputError(f"{name} returned a {type(made).__name__}: wanted a synthstim.Observer")
    return made


def _told(error: Exception) -> str:
    """What an error of the user's code says, and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}: {said_by(error)}"


def reopening(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """What ``Observer.opening`` holds, as JSON gives it back, for ``open_model``."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in recorded.items()}


def asked_for(input: Any) -> dict[str, Any]:
    """What ``open_model`` is asked for to get this input."""
    return {"seconds": input.seconds, "rate": input.rate} if isinstance(input, SoundInput) else {"size": input.size}
