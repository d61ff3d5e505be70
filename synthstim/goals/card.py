"""The lines of a report's card, as plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CardLine:
    """A column of the table as a card shows it.

    Attributes:
        label: in front of the value.
        column: of the set's table, or ``ratio``, ``least matched`` or ``distance``, which the report works out.
        hint: what it means; ``{stimulus}`` stands for image or sound.
        style: a format of numbers, or ``dB``, ``percent``, ``text`` or ``yes or no``.
        optional: whether it is left out where the table has no value.
    """

    label: str
    column: str
    hint: str = ""
    style: str = ".4g"
    optional: bool = False


ACTIVATION = CardLine("activation", "activation", "Of the unit, in the saved file")
BEST_NATURAL = CardLine("best natural", "best_natural", "Most extreme of the pool, in the goal's direction")
# It says something only where more is wanted.
RATIO = CardLine("ratio", "ratio", "Activation over the best natural {stimulus}'s", optional=True)
