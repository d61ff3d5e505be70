"""The clock by which PsychoPy times flips, keys and markers."""

from __future__ import annotations


def clock_s() -> float:
    """Its seconds."""
    from psychopy import logging

    return float(logging.defaultClock.getTime())
