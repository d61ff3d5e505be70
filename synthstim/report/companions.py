"""The set's further tables, checked for the columns that the page draws."""

from __future__ import annotations

import zlib

import pandas as pd

from synthstim.errors import InputError
from synthstim.stimulus_set import COMPANIONS, StimulusSet


def read_companion(stimuli: StimulusSet, name: str) -> pd.DataFrame:
    """One of the set's further tables; empty where the set has none.

    Raises:
        InputError: the file is no such table, or passes a link.
    """
    try:
        table = stimuli.companion(name)
    except InputError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise InputError(
            f"{name} of {stimuli.root.name} cannot be read as a table ({error}): make the set anew"
        ) from None
    if absent := [column for column in COMPANIONS[name] if column not in table]:
        raise InputError(f"{name} of {stimuli.root.name} lacks the column {absent[0]}: make the set anew")
    return table
