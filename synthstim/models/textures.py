"""When a texture is matched: the rule of McDermott & Simoncelli 2011, for statistics of images as of sounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from synthstim.models.observer import Observer

# Stop when every class is matched to this, in dB, and mark a stimulus in which one stays under that.
STOP_DB, FLAG_DB = 30.0, 20.0


def of_part(observer: Observer) -> Observer | None:
    """What measures the same statistics of a part of the stimulus; None where parts are not alike, or are hardly smaller.

    Example:
        >>> from synthstim import load_model
        >>> of_part(load_model("portilla-simoncelli", size=(256, 300))).input.size
        (128, 128)
    """
    make = getattr(observer.module, "of_part", None)
    if not callable(make):
        return None
    module: Any = make()
    if module is None:
        return None
    shown: Any = observer.input
    part = Observer(module, input=replace(shown, size=module.size), name=f"a part of {observer.name}")
    return part.to(observer.device, observer.network_dtype)


def unmatched(decibels: Mapping[str, float], *, below: float = FLAG_DB) -> list[str]:
    """Classes matched less well than ``below`` dB, the worst first: none below ``STOP_DB`` and the search may stop.

    Example:
        >>> unmatched({"envelope_mean": 31.0, "modulation_power": 17.5, "envelope_skewness": 12.0})
        ['envelope_skewness', 'modulation_power']
    """
    return sorted((name for name in decibels if decibels[name] < below), key=lambda name: decibels[name])
