"""The observer that a recipe names, with what the recipe may not do by itself."""

from __future__ import annotations

import importlib
from pathlib import Path

from synthstim.errors import InputError
from synthstim.models import Observer, load_model

LIBRARIES = ("timm", "torchvision")


def open_observer(
    name: str,
    *,
    weights: str | Path = "default",
    size: tuple[int, int] | None = None,
    device: str | None = None,
    allow_code: bool = False,
    allow_download: bool = False,
) -> Observer:
    """Return the observer of this name on a device.

    Args:
        name: a model's name, or ``package.module:function`` for a function of the user's that returns an Observer.
        allow_code: whether that function may be imported and called.
        allow_download: whether a hub may be called for weights.

    Raises:
        InputError: the name asks for what is not allowed, or the device is not there.
    """
    place, colon, function = name.partition(":")
    if not colon or place in LIBRARIES:
        observer = load_model(name, weights=weights, size=size, download=allow_download)
    elif not allow_code:
        raise InputError(f"the observer {name!r} is code of yours: allow it with --allow-code")
    else:
        observer = _call(place, function)
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
