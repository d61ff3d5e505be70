"""Sounds: reading and writing files, levels, resampling; the short name of ``synthstim.modalities.sound``."""

from synthstim.modalities.sound import *  # noqa: F403 - all that it lists
from synthstim.modalities.sound import __all__ as __all__
