"""The goals that can be followed by measured responses alone, without a model: by evolution, trial by trial."""

from __future__ import annotations

from synthstim.goals import GOALS


def followed(*, levelled: bool = True) -> tuple[str, ...]:
    """Their names; without those that ask for a level, if these are of no use.

    >>> followed(), followed(levelled=False)
    (('drive', 'level', 'suppress'), ('drive', 'suppress'))
    """
    return tuple(name for name, goal in GOALS.usable() if goal.followed and (levelled or not goal.levelled))
