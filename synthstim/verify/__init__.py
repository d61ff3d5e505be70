"""Checks: saved files are measured again, against references, units, natural images and chance."""

from synthstim.verify.check import Check, check_set
from synthstim.verify.consistency import require_shown
from synthstim.verify.joined import check_joined
from synthstim.verify.judging import judge
from synthstim.verify.measure import Measurer, match_of, profile_of
from synthstim.verify.mixtures import TOLERANCE, away
from synthstim.verify.natural import natural_pool
from synthstim.verify.null import Null
from synthstim.verify.pool import NaturalPool
from synthstim.verify.pool_reading import null_distribution

__all__ = [
    "TOLERANCE",
    "Check",
    "Measurer",
    "NaturalPool",
    "Null",
    "away",
    "check_joined",
    "check_set",
    "judge",
    "match_of",
    "natural_pool",
    "null_distribution",
    "profile_of",
    "require_shown",
]
