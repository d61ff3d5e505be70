"""Seeing: classical models of images and movies, one noun a file: ``network`` of a size, with its ``statistics`` and their ``groups``, and ``SIZE``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthstim.catalogue import SEEING
from synthstim.errors import InputError
from synthstim.modalities.image.input import ImageInput
from synthstim.models.observer import Observer


def load_seeing(
    name: str, short: str, *, weights: str | Path, size: tuple[int, int] | None, settings: Mapping[str, Any]
) -> Observer:
    """Return a classical model as an observer of images of any size, or of movies.

    Args:
        short: a name of ``SEEING`` whose entry has no weights.
        weights: ``default``.
        size: (height, width) of the images; None takes the model's own.

    Raises:
        InputError: weights are asked for, the model has no such setting, or the size does not suit it.
    """
    if str(weights) != "default":
        raise InputError(f"{name} has no weights, {str(weights)!r} given", "leave weights out", code="mismatch")
    entry = SEEING[short]
    shown = (size[0], size[1]) if size else entry.module.SIZE
    known = getattr(entry.module, "SETTINGS", ())
    if unknown := [key for key in settings if key not in known]:
        has = f"; expected {', '.join(known)}" if known else ", which has none"
        raise InputError(f"the setting {unknown[0]!r} of {name} given{has}", "correct it", code="unknown")
    network = entry.module.network(shown, **entry.options, **settings)
    return Observer(
        network,
        input=getattr(network, "shown", None) or ImageInput(size=shown, channels=network.channels),
        name=name,
        weights="default",
        decision=None,
        stages=network.statistics,
        groups=network.groups,
        axes=getattr(network, "axes", None),
    )
