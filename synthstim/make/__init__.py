"""From a recipe to a stimulus set: jobs, phases, a work directory that survives crashes, and the measured table."""

from synthstim.make.observer import open_observer
from synthstim.make.run import MakeProgress, make

__all__ = ["MakeProgress", "make", "open_observer"]
