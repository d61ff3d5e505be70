"""What a stimulus should do to an observer: one score per item, higher is better.

An objective is a recipe; ``bind`` gives it an observer and a number of items and returns the ``Scorer`` that the
optimiser calls. Objectives compose: ``drive(a) - drive(b)``, ``match(image, [layer]) + 0.1 * smooth()``.
"""

from synthstim.objectives.base import Activations, Objective, Scorer
from synthstim.objectives.control import drive, level, one_hot, pattern, suppress
from synthstim.objectives.differing import differentiate
from synthstim.objectives.jointly import weakest
from synthstim.objectives.matching import match
from synthstim.objectives.penalties import diversity, doubt, smooth
from synthstim.objectives.population import population_drive
from synthstim.objectives.reading import read_all, standardisation

__all__ = [
    "Activations",
    "Objective",
    "Scorer",
    "differentiate",
    "diversity",
    "doubt",
    "drive",
    "level",
    "match",
    "one_hot",
    "pattern",
    "population_drive",
    "read_all",
    "smooth",
    "standardisation",
    "suppress",
    "weakest",
]
