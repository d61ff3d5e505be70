"""From a recipe to a stimulus set: jobs, phases, a work directory that survives crashes, and the measured table."""

from typing import TYPE_CHECKING

from synthstim.lazily import lazily

if TYPE_CHECKING:
    from synthstim.production.expected_gain import expected_gains
    from synthstim.production.observer import observer_of_set, open_second, pool_of_set
    from synthstim.production.one_call import Synthesised, control, metamer
    from synthstim.production.phases import Phase
    from synthstim.production.run import make
    from synthstim.production.tracker import MakeProgress

__all__ = ["MakeProgress", "Phase", "Synthesised", "control", "expected_gains", "make", "metamer", "observer_of_set", "open_second",
           "pool_of_set"]  # fmt: skip
# A check needs nothing of what makes stimuli.
__getattr__, _ = lazily(
    __name__,
    {
        "expected_gain": ("expected_gains",),
        "observer": ("observer_of_set", "open_second", "pool_of_set"),
        "one_call": ("Synthesised", "control", "metamer"),
        "phases": ("Phase",),
        "run": ("make",),
        "tracker": ("MakeProgress",),
    },
)
