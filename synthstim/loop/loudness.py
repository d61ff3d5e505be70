"""One level for all the sounds of a session: loudness must not be what tells natural ones from those that are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from synthstim.errors import InputError
from synthstim.experiment.sounds.files import mean_level
from synthstim.loop.settings import LOOP, LoopSettings
from synthstim.modalities.base import Modality
from synthstim.recipe.schema import DEFAULT_LEVEL_DBFS
from synthstim.stimulus_set import StimulusSet

LEVEL = "level_dbfs"
# Differences of level that are just noticed are as large, or larger.
NOTICED_DB = 0.5


def with_level(
    settings: LoopSettings, modality: Modality, adopted: Path | None, tell: Callable[[str], None]
) -> LoopSettings:
    """The settings with the level at which a session plays its sounds; those of other modalities as they are.

    Args:
        adopted: a set whose sounds generation 0 plays as they are; the level is by default that of their mean power.
        tell: is told of such sounds that have another.

    Raises:
        InputError: a level is given for what has none.
    """
    if LEVEL not in modality.reading:
        if settings.level_dbfs is not None:
            given = f"{LOOP}: {LEVEL} is {settings.level_dbfs:g}; {modality.plural} have none"
            raise InputError(given, "leave it out", code="mismatch")
        return settings
    stimuli = None if adopted is None else StimulusSet.read(adopted)
    levels = [] if stimuli is None or LEVEL not in stimuli.table else stimuli.table[LEVEL].dropna().tolist()
    level = settings.level_dbfs
    if level is None:
        level = mean_level(levels) if levels else DEFAULT_LEVEL_DBFS
    if off := [one for one in levels if abs(one - level) > NOTICED_DB]:
        tell(
            f"{len(off)} of the {len(levels)} sounds of {adopted} have another level than {level:g} dB re full scale ({min(off):.1f} to {max(off):.1f}), at which"
            " stimuli are made: sites may tell them by their loudness; bring them to one level first"
        )
    return settings.model_copy(update={LEVEL: level})
