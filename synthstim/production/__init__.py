"""From a recipe to a stimulus set: jobs, phases, a work directory that survives crashes, and the measured table."""

from typing import TYPE_CHECKING

from synthstim.lazily import lazily

if TYPE_CHECKING:
    from synthstim.production.observer import observer_of_set, open_second, pool_of_set
    from synthstim.production.run import MakeProgress, make

__all__ = ["MakeProgress", "make", "observer_of_set", "open_second", "pool_of_set"]
# A check needs nothing of what makes stimuli.
__getattr__, _ = lazily(
    __name__, {"observer": ("observer_of_set", "open_second", "pool_of_set"), "run": ("MakeProgress", "make")}
)
