"""Psychometric functions and thresholds: proportion correct against a level, and where staircases went."""

from synthstim.analysis.psychometric.curve import PsychometricCurve, fit_curve
from synthstim.analysis.psychometric.levels import Levels, levels_of
from synthstim.analysis.psychometric.thresholds import (
    BY_CURVE,
    BY_TRACK,
    fit_curves,
    thresholds_by_curve,
    thresholds_by_participant,
)

__all__ = [
    "BY_CURVE",
    "BY_TRACK",
    "Levels",
    "PsychometricCurve",
    "fit_curve",
    "fit_curves",
    "levels_of",
    "thresholds_by_curve",
    "thresholds_by_participant",
]
