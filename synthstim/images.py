"""Images: reading and writing files, arrays, light; the short name of ``synthstim.modalities.image``."""

from synthstim.modalities.image import *  # noqa: F403 - all that it lists
from synthstim.modalities.image import __all__ as __all__
