"""Controls: the stimuli that controllers are compared with, so that an effect can be told from its lesser causes."""

from synthstim.controls.best_natural import best_natural
from synthstim.controls.cases import Case, Control, Use
from synthstim.controls.gabor import Gabors
from synthstim.controls.make import make_controls
from synthstim.controls.noise import phase_scrambled
from synthstim.controls.other_site import other_site

__all__ = [
    "Case",
    "Control",
    "Gabors",
    "Use",
    "best_natural",
    "make_controls",
    "other_site",
    "phase_scrambled",
]
