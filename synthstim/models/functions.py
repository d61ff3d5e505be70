"""Observers that functions make: a user's own, or a plug-in's."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from synthstim.errors import InputError, nearest, said_by
from synthstim.models.observer import Observer


def called(name: str, make: Callable[..., Any], asked: Mapping[str, Any]) -> Observer:
    """The observer that a function makes.

    Args:
        name: how messages call it.
        make: returns an Observer, or a network and its input.
        asked: weights, size, seconds and rate, of which it is given those that it takes; None for those not asked for.

    Raises:
        InputError: the function fails, takes no weights, or makes another observer than was asked for.
    """
    asked = {key: value for key, value in asked.items() if value is not None}
    takes = inspect.signature(make).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
    if "weights" in asked and "weights" not in takes and not open_ended:
        raise InputError(
            f"{name} takes no weights, {asked['weights']} given",
            "leave them out, or let it take weights",
            code="unknown",
        )
    try:
        made = make(**{key: value for key, value in asked.items() if key in takes or open_ended})
        if isinstance(made, tuple) and len(made) == 2:
            made = Observer(made[0], input=made[1], name=name)
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{name} failed: {_told(error)}") from error
    if not isinstance(made, Observer):
        raise _no_observer(f"{name} returned", made)
    require_asked(made, name, asked)
    return made


def file_of(module: str) -> Path | None:
    """The file of Python, seen from here, that may be meant by a name."""
    path = Path(f"{module.removesuffix('.py')}.py")
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):  # A name that no file can have.
        return None


def _no_observer(came: str, made: Any) -> InputError:
    """The mistake of something else in the place of an observer, and what makes one of a network."""
    wrap = "synthstim.Observer(network, input=synthstim.ImageInput(size=(224, 224)))"
    advice = f"a function that returns {wrap} makes an observer of it" if isinstance(made, nn.Module) else ""
    return InputError(f"{came} a {type(made).__name__}; expected a synthstim.Observer", advice)


def require_asked(made: Observer, name: str, asked: Mapping[str, Any]) -> None:
    """Raise InputError unless an observer that brings its own settings has those that were asked for."""
    for key in ("size", "seconds", "rate"):
        if key in asked and getattr(made.input, key, None) != asked[key]:
            raise InputError(
                f"{name} is {made.input.verb} {made.input.words}, {key} {asked[key]} given",
                f"leave it out, or let the function take {key}",
            )


def imported(name: str) -> Callable[..., Any]:
    """The function of a name such as ``package.module:function``.

    Raises:
        InputError: there is none.
    """
    module, _, function = name.rpartition(":")
    if not all(part.isidentifier() for part in module.split(".")):
        file = Path(f"{module.removesuffix('.py')}.py")
        raise InputError(
            f"the observer {name} names a file; expected package.module:function",
            f"name it {file.stem}:{function}, and set PYTHONPATH={file.parent}",
            value=name,
        )
    try:
        code = importlib.import_module(module)
    except ModuleNotFoundError as error:
        path = file_of(module) if error.name in (module, module.partition(".")[0]) else None
        advice = (
            "check the name and PYTHONPATH"
            if path is None
            else f"name {path} as {path.stem}:{function}, and set PYTHONPATH={path.parent}"
        )
        raise InputError(f"the observer {name} cannot be imported ({error})", advice, code="not-installed") from None
    except Exception as error:
        raise InputError(f"{module} fails on import: {_told(error)}") from error
    make = getattr(code, function, None)
    if isinstance(make, nn.Module):
        raise _no_observer(f"{name} is", make)
    if not callable(make):
        known = [key for key, value in vars(code).items() if inspect.isfunction(value)]
        raise InputError(f"{module} has no function {function!r}: {nearest(function, known)}")
    made: Callable[..., Any] = make
    return made


def _told(error: Exception) -> str:
    """What an error of the user's code says, and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}: {said_by(error)}"
