"""The table of how stimuli fare on each of several observers."""

from __future__ import annotations

from dataclasses import dataclass

from synthstim.report.numbers import known
from synthstim.stimulus_set import StimulusSet
from synthstim.verify.transfer import transfer_table


@dataclass(frozen=True)
class TransferTable:
    """What the page shows: headings, and rows of cells."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def transfer_shown(stimuli: StimulusSet) -> TransferTable | None:
    """The table; None for a set of one observer."""
    table = transfer_table(stimuli)
    if not len(table):
        return None
    rows = (tuple(str(cell) if known(cell) else "" for cell in row) for row in table.itertuples(index=False, name=None))
    return TransferTable(tuple(map(str, table.columns)), tuple(rows))
