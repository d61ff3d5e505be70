"""Evolution without a model: images that evolve from measured responses, generation after generation."""

from synthstim.evolve.code import Code, Latents, LowFrequencies
from synthstim.evolve.evolution import GOALS, Best, Evolution
from synthstim.evolve.folder import EvolutionFolder
from synthstim.evolve.recombination import Parents
from synthstim.evolve.settings import EvolveSettings

__all__ = [
    "GOALS",
    "Best",
    "Code",
    "Evolution",
    "EvolutionFolder",
    "EvolveSettings",
    "Latents",
    "LowFrequencies",
    "Parents",
]
