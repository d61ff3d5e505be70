"""Images as files and as arrays: float32, (channel, y, x), display values in [0, 1]."""

from synthstim.images.arrays import FITS, FloatImage, as_image, fit_image, resize
from synthstim.images.light import display_values, linear_light, linear_luminance, luminance, luminance_statistics
from synthstim.images.png import write_png
from synthstim.images.reading import MAX_PIXELS, SUFFIXES, bit_depth, read_image

__all__ = [
    "FITS",
    "MAX_PIXELS",
    "SUFFIXES",
    "FloatImage",
    "as_image",
    "bit_depth",
    "display_values",
    "fit_image",
    "linear_light",
    "linear_luminance",
    "luminance",
    "luminance_statistics",
    "read_image",
    "resize",
    "write_png",
]
