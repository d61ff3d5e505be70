"""Light behind display values: sRGB decoding, luminance and contrast."""

from __future__ import annotations

import torch

from synthstim.modalities.image.arrays import FloatImage


def linear_light(display: torch.Tensor) -> torch.Tensor:
    """Decode sRGB display values in [0, 1] to linear light in [0, 1] (IEC 61966-2-1)."""
    return torch.where(display <= 0.04045, display / 12.92, ((display.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4)


def display_values(linear: torch.Tensor) -> torch.Tensor:
    """Encode linear light in [0, 1] as sRGB display values in [0, 1] (IEC 61966-2-1)."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055)


def luminance(images: torch.Tensor) -> torch.Tensor:
    """Relative luminance (batch, y, x) in [0, 1] of sRGB images (batch, channel, y, x): linear light, Rec. 709 weights."""
    return linear_luminance(linear_light(images))


def linear_luminance(linear: torch.Tensor) -> torch.Tensor:
    """Relative luminance (batch, y, x) of linear light (batch, channel, y, x); the mean where channels are not RGB.

    Example:
        >>> linear_luminance(torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1))
        tensor([[[0.2126]]])
    """
    if linear.shape[1] != 3:
        return linear.mean(1)
    return torch.einsum("nchw,c->nhw", linear, linear.new_tensor([0.2126, 0.7152, 0.0722]))


def luminance_statistics(image: FloatImage) -> tuple[float, float]:
    """Mean luminance, and RMS contrast (standard deviation over mean), of linear light."""
    values = luminance(torch.from_numpy(image)[None].double())
    mean = float(values.mean())
    return mean, float(values.std(unbiased=False)) / mean if mean > 0 else 0.0
