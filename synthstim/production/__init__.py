"""From a recipe to a stimulus set: jobs, phases, a work directory that survives crashes, and the measured table."""

from synthstim.production.observer import observer_of_set, open_second, pool_of_set
from synthstim.production.run import MakeProgress, make

__all__ = ["MakeProgress", "make", "observer_of_set", "open_second", "pool_of_set"]
