"""Channels rotated so that they are hardly correlated in natural images."""

from __future__ import annotations

import torch
from torch import Tensor


def opponent_basis(channels: int) -> Tensor:
    """The orthonormal discrete cosine transform over channels, (rotated channel, channel) in double precision.

    For RGB that is intensity, red against blue, and green against magenta (Ohta, Kanade & Sakai 1980).
    """
    steps = torch.arange(channels, dtype=torch.float64)
    basis = torch.cos(torch.pi * steps[:, None] * (steps[None] + 0.5) / channels)
    return basis / basis.norm(dim=1, keepdim=True)
