"""A table of the user's: further columns of the stimuli of a set, by their ids."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from synthstim.errors import InputError, nearest
from synthstim.experiment.design.schema import RESERVED
from synthstim.responses.tables import read_text_table

ID = "stimulus_id"


def with_columns(table: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    """The table of a set with the columns of a table of the user's.

    Args:
        table: of the set, with the column stimulus_id.
        path: a table, tab or comma separated, with the column stimulus_id and further ones.

    Raises:
        InputError: it cannot be read, names a stimulus that the set lacks or one twice, leaves one out, or has a column that the
            set or tables of trials have.
    """
    name = Path(path).name
    own = read_text_table(path, text=[ID], needed=[ID])
    if own[ID].isna().any():
        raise InputError(
            f"line {int(own[ID].isna().argmax()) + 2} of {name} names no stimulus", "fill in its stimulus_id"
        )
    if len(twice := own[ID][own[ID].duplicated()]):
        raise InputError(f"{name} names the stimulus {twice.iloc[0]!r} twice", "leave one line out")
    known = [str(one) for one in table[ID]]
    if strange := [one for one in own[ID] if one not in known]:
        raise InputError(
            f"{name} names the stimulus {strange[0]!r}, which the set lacks: {nearest(strange[0], known)}",
            code="unknown",
        )
    if silent := [one for one in known if one not in set(own[ID])]:
        raise InputError(
            f"{name} has no line for the stimulus {silent[0]!r}", "give one line a stimulus", code="missing"
        )
    if taken := [column for column in own if column != ID and column in table]:
        raise InputError(f"{name} has the column {taken[0]!r}, as the set does", "rename it")
    if reserved := [column for column in own if column in RESERVED]:
        raise InputError(f"{name} has the column {reserved[0]!r}, which tables of trials have", "rename it")
    return table.merge(own, on=ID, how="left", validate="one_to_one")
