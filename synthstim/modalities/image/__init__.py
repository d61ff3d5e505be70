"""Images: (channel, y, x) float32, display values in [0, 1]; files, arrays, light, what observers are shown."""

from synthstim.modalities.image.arrays import FITS, FloatImage, as_image, fit_image, resize
from synthstim.modalities.image.input import ImageInput
from synthstim.modalities.image.light import (
    display_values,
    linear_light,
    linear_luminance,
    luminance,
    luminance_statistics,
)
from synthstim.modalities.image.modality import ImageModality
from synthstim.modalities.image.png import write_png
from synthstim.modalities.image.reading import MAX_PIXELS, SUFFIXES, bit_depth, read_image

MODALITY = ImageModality()

__all__ = [
    "FITS",
    "MAX_PIXELS",
    "MODALITY",
    "SUFFIXES",
    "FloatImage",
    "ImageInput",
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
