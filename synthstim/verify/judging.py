"""Whether a stimulus passes, by what was measured of its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.verify.measure import Measured


def judge(aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None) -> tuple[str, str]:
    """Whether a stimulus passes, and why not: what its goal says, and no sound may be cut off at its peak.

    Args:
        aim: what it is to do.
        measured: of its file.
        criteria: the recipe's.
        target_db: the match that a metamer was to reach.

    Returns:
        ``passed`` or ``failed``, and the reasons.

    Example:
        >>> aim = Aim(goal="drive", unit=Unit(layer="blocks.1", channel=3))
        >>> judge(aim, {"peak_run": 12, "activation": 2.0, "best_natural": 1.0}, {})
        ('failed', 'the sound is cut off at its peak, 12 samples in a row')
    """
    reasons = [*cut_off(measured)]
    reasons += GOALS[aim.goal].reasons(aim, measured, criteria, target_db)
    return ("failed", "; ".join(reasons)) if reasons else ("passed", "")


def cut_off(measured: Measured) -> Iterator[str]:
    """A sentence for a sound that is cut off at its peak."""
    if run := measured.get("peak_run"):
        yield f"the sound is cut off at its peak, {run} samples in a row"
