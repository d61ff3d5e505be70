"""Hard limits on stimuli: differentiable projections, each item on its own."""

from synthstim.constraints.aperture import Aperture
from synthstim.constraints.band import Band
from synthstim.constraints.base import (
    TOLERANCE,
    Constraint,
    Limit,
    as_kept,
    asked_for,
    brought_within,
    check_all,
    project_all,
    violations,
)
from synthstim.constraints.centre import Centre
from synthstim.constraints.energy import Energy
from synthstim.constraints.fixed import Fixed
from synthstim.constraints.grey import Grey
from synthstim.constraints.level import Level
from synthstim.constraints.luminance import Luminance
from synthstim.constraints.mixture import Mixture
from synthstim.constraints.movie_luminance import MovieLuminance
from synthstim.constraints.peak import Peak
from synthstim.constraints.ramps import Ramps

__all__ = [
    "TOLERANCE",
    "Aperture",
    "Band",
    "Centre",
    "Constraint",
    "Energy",
    "Fixed",
    "Grey",
    "Level",
    "Limit",
    "Luminance",
    "Mixture",
    "MovieLuminance",
    "Peak",
    "Ramps",
    "as_kept",
    "asked_for",
    "brought_within",
    "check_all",
    "project_all",
    "violations",
]
