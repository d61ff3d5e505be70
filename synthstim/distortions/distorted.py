"""A stimulus changed along a direction by an amplitude."""

from __future__ import annotations

import math

from synthstim.errors import InputError
from synthstim.modalities.base import Stimulus


def distorted(stimulus: Stimulus, direction: Stimulus, amplitude: float, limits: tuple[float, float]) -> Stimulus:
    """A stimulus changed along a direction of length 1 by a root mean square of ``amplitude``.

    Raises:
        InputError: it would leave the limits; the message says how far it may go.
    """
    change = direction * math.sqrt(direction.size)
    low, high = limits
    room = [(high - stimulus[change > 0]) / change[change > 0], (low - stimulus[change < 0]) / change[change < 0]]
    most = min((float(each.min()) for each in room if each.size), default=math.inf)
    if not 0 < amplitude <= most:
        raise InputError(
            f"an amplitude of {amplitude:g} given; expected more than 0 and at most {math.floor(most * 1e4) / 1e4:g}",
            f"beyond that the stimulus leaves [{low:g}, {high:g}]: give less, or a reference with less contrast",
        )
    made: Stimulus = (stimulus + amplitude * change).astype(stimulus.dtype)
    return made
