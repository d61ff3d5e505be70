"""Checks: saved files are measured again, against references, units, natural images and chance."""

from synthstim.verify.check import Check, check_set
from synthstim.verify.measure import Aim, Measurer, judge, match_of, profile_of
from synthstim.verify.natural import natural_pool
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
    "judge",
    "match_of",
    "natural_pool",
    "null_distribution",
    "profile_of",
]
