"""Checks: saved files are measured again, against references, units, natural images and chance."""

from synthstim.verify.measure import Aim, Measurer, judge
from synthstim.verify.null import Null, null_distribution
from synthstim.verify.pool import NaturalPool

__all__ = ["Aim", "Measurer", "NaturalPool", "Null", "judge", "null_distribution"]
