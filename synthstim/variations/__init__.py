"""Sets along the latents of a decoder: factorial sweeps of stimuli that were made, and pairs equally far apart in pixels."""

from synthstim.variations.pairs import make_pairs
from synthstim.variations.sweep import make_sweep

__all__ = ["make_pairs", "make_sweep"]
