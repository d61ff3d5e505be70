"""A cochleagram as Kell et al. 2018 showed it to their network: stretched to 0 to 255 and resized like a photograph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

_LOBES = 3


class CochleagramPicture(nn.Module):
    """Cochleagrams (batch, channel, frame) of shape ``given`` -> (batch, *``wanted``), each spread over 0 to 255.

    Each is stretched by its own least and greatest value, and resized with a Lanczos filter, which overshoots a little.
    A cochleagram that is the same everywhere becomes 0.
    """

    def __init__(self, given: tuple[int, int], wanted: tuple[int, int]) -> None:
        super().__init__()
        self.channels: Tensor
        self.frames: Tensor
        self.register_buffer("channels", lanczos(given[0], wanted[0]), persistent=False)
        self.register_buffer("frames", lanczos(given[1], wanted[1]), persistent=False)

    def forward(self, cochleagrams: Tensor) -> Tensor:
        """Return the pictures."""
        least, greatest = cochleagrams.amin((1, 2), keepdim=True), cochleagrams.amax((1, 2), keepdim=True)
        spread = (greatest - least).clamp(min=1e-12)
        stretched = (cochleagrams - least) * (255 / spread)
        return self.channels.to(stretched) @ stretched @ self.frames.to(stretched).T


def lanczos(given: int, wanted: int) -> Tensor:
    """Return the (wanted, given) matrix that resizes an axis, wider than its lobes when it shrinks; rows sum to 1."""
    scale = given / wanted
    width = max(scale, 1.0)
    centres = (np.arange(wanted) + 0.5) * scale
    x = (np.arange(given) + 0.5 - centres[:, None]) / width
    weights = np.where(np.abs(x) < _LOBES, np.sinc(x) * np.sinc(x / _LOBES), 0.0)
    return torch.from_numpy(weights / weights.sum(1, keepdims=True)).float()
