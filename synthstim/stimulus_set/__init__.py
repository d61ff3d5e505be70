"""Stimulus sets on disk: a directory that people and any language can read."""

from synthstim.ids import check_ids, safe_id
from synthstim.stimulus_set.adopt import adopt
from synthstim.stimulus_set.columns import COLUMNS, COMPANIONS, SCHEMA_VERSION
from synthstim.stimulus_set.join import join_sets
from synthstim.stimulus_set.read import StimulusSet
from synthstim.stimulus_set.seal import altered, write_sealed
from synthstim.stimulus_set.write import SetWriter

__all__ = [
    "COLUMNS",
    "COMPANIONS",
    "SCHEMA_VERSION",
    "SetWriter",
    "StimulusSet",
    "adopt",
    "altered",
    "check_ids",
    "join_sets",
    "safe_id",
    "write_sealed",
]
