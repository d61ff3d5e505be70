"""Hard limits on stimuli: differentiable projections, each item on its own."""

from synthstim.constraints.base import TOLERANCE, Constraint, check_all, project_all, violations
from synthstim.constraints.image import Aperture, Energy, Fixed, Luminance
from synthstim.constraints.sound import Band, Level, Peak, Ramps

__all__ = [
    "TOLERANCE",
    "Aperture",
    "Band",
    "Constraint",
    "Energy",
    "Fixed",
    "Level",
    "Luminance",
    "Peak",
    "Ramps",
    "check_all",
    "project_all",
    "violations",
]
