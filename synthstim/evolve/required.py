"""What is asked of the settings of an evolution."""

from __future__ import annotations

import math

from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.goals.followed import followed


def require_settings(goal: str, level: float | None, population: int, again: int, spread: float) -> None:
    """Raise InputError unless these are settings of an evolution; arguments as of ``Evolution``."""
    if goal not in (known := followed()):
        raise InputError(f"the goal {goal!r} is unknown", f"choose {', '.join(known)}", code="unknown")
    if GOALS[goal].levelled != (level is not None):
        levelled = " or ".join(name for name in known if GOALS[name].levelled)
        raise InputError(f"level goes with the goal {levelled}, and with no other", "give both or neither")
    if level is not None and not math.isfinite(level):
        raise InputError(f"the level {level} given; expected a response")
    if not 4 <= population <= 1000:
        raise InputError(f"a population of {population} given; expected 4 to 1000 new images in a generation")
    if not 0 <= again <= population:
        raise InputError(f"{again} images to show again given; expected 0 to the population, {population}")
    if not 0 < spread <= 10:
        raise InputError(
            f"a spread of {spread:g} given; expected above 0 and at most 10, where 1 is a photograph's contrast"
        )
