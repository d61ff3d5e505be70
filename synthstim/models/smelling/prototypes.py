"""The panel of the synthetic task of Wang et al. 2021: a hundred odorants, each the prototype of a class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ODORANTS, RECEPTORS = 100, 50
NAMES = tuple(f"odorant_{number:02d}" for number in range(ODORANTS))
# Drawn once; a network is trained for these classes.
_SEED = 2021


def prototypes(odorants: int = ODORANTS, receptors: int = RECEPTORS) -> NDArray[np.float64]:
    """What each odorant alone does to each receptor type, uniform between 0 and 1: (odorant, receptor).

    Whatever version of whatever library draws them: they are the halves of a linear congruential generator's numbers.

    Example:
        >>> prototypes().shape, round(float(prototypes().mean()), 2)
        ((100, 50), 0.5)
    """
    values, state = np.empty(odorants * receptors), _SEED
    for number in range(len(values)):
        # The multiplier and increment of Knuth's MMIX; the upper bits are the random ones.
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values[number] = (state >> 40) / 2**24
    return values.reshape(odorants, receptors)
