"""Whether a stimulus passes, by what was measured of its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.verify.measure import Measured


def judge(aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None) -> tuple[str, str]:
    """Whether a stimulus passes, and why not: what its goal says, and no sound may be cut off at its peak."""
    reasons = [*cut_off(measured)]
    reasons += GOALS[aim.goal].reasons(aim, measured, criteria, target_db)
    return ("failed", "; ".join(reasons)) if reasons else ("passed", "")


def cut_off(measured: Measured) -> Iterator[str]:
    """A sentence for a sound that is cut off at its peak."""
    if run := measured.get("peak_run"):
        yield f"the sound is cut off at its peak, {run} samples in a row"
