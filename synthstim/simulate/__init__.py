"""A simulated animal for rehearsing a session: it answers stimuli with spikes, through the files of a recording."""

from synthstim.simulate.animal import Animal, simulated_animal
from synthstim.simulate.noise import NOISE, draw_counts

__all__ = ["NOISE", "Animal", "draw_counts", "simulated_animal"]
