"""Images as arrays: float32, (channel, y, x), display values in [0, 1]; brought to an observer's channels and size."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from synthstim.errors import InputError

FITS = ("crop", "pad", "stretch", "exact")
FloatImage = NDArray[np.float32]


def as_image(values: object, name: str = "the image") -> FloatImage:
    """Return values as a (channel, y, x) float32 image after checking channels, range and NaN.

    Accepts arrays and tensors; a (y, x) array becomes one grey channel.
    """
    array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[0] not in (1, 3) or not array.size:
        raise InputError(f"{name} has shape {tuple(array.shape)}; expected (channel, y, x) with 1 or 3 channels")
    if array.dtype.kind != "f":
        raise InputError(f"{name} holds {array.dtype}; expected display values, floats from 0 to 1")
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds {int((~np.isfinite(array)).sum())} values that are NaN or infinite")
    if array.min() < 0 or array.max() > 1:
        raise InputError(f"{name} spans {array.min():.3g} to {array.max():.3g}; expected display values in [0, 1]")
    return array.astype(np.float32)


def fit_image(image: FloatImage, channels: int, size: tuple[int, int], how: str = "crop") -> FloatImage:
    """Bring an image to an observer's channels and size, as the recipe's ``fit`` says.

    Args:
        image: (channel, y, x) display values.
        channels: 1 takes the sRGB luma of a colour image; 3 repeats a grey one.
        size: (height, width) in pixels.
        how: ``crop`` (centre crop, then antialiased resize), ``pad`` (resize, mid-grey around), ``stretch``, ``exact``.

    Example:
        >>> fit_image(np.zeros((3, 60, 90), dtype=np.float32), 1, (32, 32)).shape
        (1, 32, 32)
    """
    if how not in FITS:
        raise InputError(f"fit {how!r} is unknown", f"choose one of {', '.join(FITS)}", code="unknown")
    image = _match_channels(image, channels)
    height, width = image.shape[1:]
    if (height, width) == tuple(size):
        return image
    if how == "exact":
        raise InputError(
            f"the image is {height} x {width}, fit 'exact' needs {size[0]} x {size[1]}",
            "resize it or choose fit 'crop'",
        )
    if how == "stretch":
        return resize(image, size)
    scales = (size[0] / height, size[1] / width)
    if how == "crop":
        rows, columns = (max(1, round(side / max(scales))) for side in size)
        top, left = (height - rows) // 2, (width - columns) // 2
        return resize(image[:, top : top + rows, left : left + columns], size)
    rows, columns = (max(1, round(side * min(scales))) for side in (height, width))
    padded = np.full((channels, *size), 0.5, dtype=np.float32)
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    padded[:, top : top + rows, left : left + columns] = resize(image, (rows, columns))
    return padded


def _match_channels(image: FloatImage, channels: int) -> FloatImage:
    if image.shape[0] == channels:
        return image
    if channels == 1:
        return np.tensordot(np.array([0.299, 0.587, 0.114], dtype=np.float32), image, axes=1)[None].astype(np.float32)
    if image.shape[0] == 1:
        return np.repeat(image, channels, axis=0)
    raise InputError(f"the image has {image.shape[0]} channels, the observer expects {channels}")


def resize(image: FloatImage, size: tuple[int, int]) -> FloatImage:
    """Resize with an antialiased bicubic filter; overshoot is brought back to [0, 1]."""
    batch = torch.from_numpy(np.ascontiguousarray(image))[None]
    resized = torch.nn.functional.interpolate(
        batch, size=tuple(size), mode="bicubic", antialias=True, align_corners=False
    )
    return resized[0].clamp(0, 1).numpy()
