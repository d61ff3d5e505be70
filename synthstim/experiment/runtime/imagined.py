"""What a simulated participant answers, so that a rehearsal goes through every page and its data look like data."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .plan import CATCH, MISSING, RIGHT
from .simulate import guessing

if TYPE_CHECKING:
    from .question import Question

# How often it knows the answer, in the first of the conditions and in the last; in between in equal steps.
KNOWS = (0.9, 0.3)


def imagined_answer(
    question: Question, planned: Mapping[str, Any], manifest: Mapping[str, Any], participant: int, level: float | None
) -> Any:
    """Rightly in headphone checks, practice and catch trials; in others more rarely in each further condition.

    Where the conditions are numbers, as of a series, it knows the more, the higher. Of staircases it knows the more, the easier the level. Where nothing is right, any answer.
    """
    chance = random.Random(f"{participant} {planned.get('phase')} {planned.get('trial')} {question.name}")
    right = planned.get(RIGHT, MISSING)
    values = question.values or [right]
    if right == MISSING or question.stores != "response":
        return chance.choice(values)
    knows = _knows(planned, manifest, level)
    if manifest["design"]["task"] == "equality":
        values = [value for value in values if value != right]
    return right if not guessing() and chance.random() < knows else chance.choice(values)


def _knows(planned: Mapping[str, Any], manifest: Mapping[str, Any], level: float | None) -> float:
    if planned["phase"] in ("headphone", "practice", CATCH):
        return 1.0
    if level is not None:
        lowest, highest = manifest["levels"]
        share = (level - lowest) / (highest - lowest or 1)
        easy = share if manifest["design"]["method"]["easier"] == "high" else 1 - share
        return 0.05 + 0.9 * easy
    names = [one["condition"] for one in manifest["conditions"]]
    if len(names) > 1 and all(map(_is_number, names)):
        # A series: the more of it, the easier.
        names.sort(key=float, reverse=True)
    rank = names.index(planned["condition"]) / max(1, len(names) - 1) if planned["condition"] in names else 0.0
    return KNOWS[0] + rank * (KNOWS[1] - KNOWS[0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
