"""Writing PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from synthstim.errors import InputError
from synthstim.modalities.image.arrays import FloatImage, as_image


def write_png(path: str | Path, image: FloatImage, *, bits: int = 8) -> None:
    """Write display values as a PNG of 8 or 16 bits, rounded to the nearest level, never clipped.

    Raises:
        InputError: a value is NaN or outside [0, 1], or the channels are not 1 or 3.
    """
    import cv2  # Slow to import, and a check writes nothing.

    image = as_image(image, Path(path).name)
    dtype, top = {8: (np.uint8, 255), 16: (np.uint16, 65535)}[bits]
    levels = np.rint(image.astype(np.float64) * top).astype(dtype).transpose(1, 2, 0)
    ordered = levels[..., ::-1] if levels.shape[2] == 3 else levels[..., 0]
    good, encoded = cv2.imencode(".png", np.ascontiguousarray(ordered))
    if not good:
        raise InputError(f"{Path(path).name} could not be encoded as PNG")
    Path(path).write_bytes(encoded.tobytes())
