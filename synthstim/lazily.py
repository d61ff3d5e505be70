"""Packages whose names are imported when they are first used, so that a light command does not wait for heavy ones."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def lazily(package: str, places: Mapping[str, tuple[str, ...]]) -> tuple[Callable[[str], Any], list[str]]:
    """The ``__getattr__`` and the ``__all__`` of a package.

    Args:
        package: its ``__name__``.
        places: the names that each of its modules gives.

    Example:
        >>> get, names = lazily("collections", {"abc": ("Mapping",)})
        >>> get("Mapping").__name__, names
        ('Mapping', ['Mapping'])
    """
    homes = {name: f"{package}.{place}" for place, names in places.items() for name in names}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"{package} has no {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return get, sorted(homes)
