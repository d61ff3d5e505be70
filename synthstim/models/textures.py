"""When a texture is matched: the rule of McDermott & Simoncelli 2011, for statistics of images as of sounds."""

from __future__ import annotations

from collections.abc import Mapping

# Stop when every class is matched to this, in dB, and mark a stimulus in which one stays under that.
STOP_DB, FLAG_DB = 30.0, 20.0


def unmatched(decibels: Mapping[str, float], *, below: float = FLAG_DB) -> list[str]:
    """Classes matched less well than ``below`` dB, the worst first: none below ``STOP_DB`` and the search may stop.

    Example:
        >>> unmatched({"envelope_mean": 31.0, "modulation_power": 17.5, "envelope_skewness": 12.0})
        ['envelope_skewness', 'modulation_power']
    """
    return sorted((name for name in decibels if decibels[name] < below), key=lambda name: decibels[name])
