"""Odours: reading and writing files, panels; the short name of ``synthstim.modalities.odour``."""

from synthstim.modalities.odour import *  # noqa: F403 - all that it lists
from synthstim.modalities.odour import __all__ as __all__
