"""Modalities: all that depends on what kind of stimulus it is, one folder a modality, open to plug-ins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from synthstim.registry import Registry, having

if TYPE_CHECKING:
    from synthstim.modalities.base import Modality

# Of a set or a fit that names none: those of the first versions.
DEFAULT = "image"

MODALITIES: Registry[Modality] = Registry(
    "modality",
    "synthstim.modalities",
    "MODALITY",
    "synthstim.modalities",
    having("name", "Input", "read", "write", "part"),
)


def modality_of_file(path: str | Path) -> Modality | None:
    """The modality of a file by its suffix; None for another file.

    >>> modality_of_file("word.WAV").name
    'sound'
    """
    suffix = Path(path).suffix.lower()
    return next((modality for _, modality in MODALITIES.usable() if suffix in modality.suffixes), None)


def own_names() -> list[str]:
    """The names of the modalities that this package brings."""
    return [name for name in MODALITIES if not MODALITIES.plugged(name)]


def own_modalities() -> list[Modality]:
    """The modalities that this package brings, whose settings a recipe can hold."""
    return [MODALITIES[name] for name in own_names()]
