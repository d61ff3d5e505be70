"""Checks: saved files are measured again, against references, units, natural images and chance."""

from synthstim.verify.check import Check, check_set
from synthstim.verify.measure import Aim, Measurer, image_statistics, judge, match_of
from synthstim.verify.null import Null, null_distribution
from synthstim.verify.pool import CARRIED, NaturalPool

__all__ = [
    "CARRIED",
    "Aim",
    "Check",
    "Measurer",
    "NaturalPool",
    "Null",
    "check_set",
    "image_statistics",
    "judge",
    "match_of",
    "null_distribution",
]
