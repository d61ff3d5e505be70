"""Movies: reading and writing files, moving photographs; the short name of ``synthstim.modalities.movie``."""

from synthstim.modalities.movie import *  # noqa: F403 - all that it lists
from synthstim.modalities.movie import __all__ as __all__
