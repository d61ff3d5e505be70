"""How much two images look alike, beside how far apart their values are."""

from __future__ import annotations

import torch

from synthstim.modalities.image.arrays import FloatImage

# Pixels of the Gaussian window, of standard deviation 1.5.
WINDOW = 11


def structural_similarity(image: FloatImage, reference: FloatImage) -> float:
    """Mean structural similarity of two images (channel, y, x) of display values: 1 for the same one (Wang et al. 2004).

    The mean over pixels and channels; the window is smaller where the images are. doi:10.1109/TIP.2003.819861

    Example:
        >>> import numpy as np
        >>> image = np.random.default_rng(0).random((1, 32, 32), np.float32)
        >>> round(structural_similarity(image, image), 3), structural_similarity(image, 1 - image) < 0
        (1.0, True)
    """
    from kornia.metrics import ssim  # Takes a second to import.

    side = min(WINDOW, *image.shape[-2:])
    one, other = (torch.from_numpy(values)[None].double() for values in (image, reference))
    return float(ssim(one, other, window_size=side - (side + 1) % 2).mean())
