"""Power compression of envelopes, with a bounded slope on the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from synthstim.errors import InputError


@dataclass(frozen=True)
class Compression:
    """How envelopes are compressed: ``(scale * (envelope + offset)) ** power``, negative envelopes taken as 0.

    The power's slope grows without limit towards 0: the backward pass cuts it off at ``slope_limit`` (None: never), so
    that gradients of quiet sounds stay usable; and it passes negative envelopes (a resampling filter undershoots) as if
    they were 0, so that they can grow again. Gradients are therefore not exactly those of the forward pass.
    ``first``: compress envelopes before they are resampled to frames; negative frames then become 0, likewise.
    """

    power: float = 0.3
    offset: float = 1e-8
    scale: float = 1.0
    slope_limit: float | None = 5.0
    first: bool = False

    def __post_init__(self) -> None:
        if not (self.power > 0 and self.offset >= 0 and self.scale > 0):
            raise InputError(
                f"compression has power {self.power:g}, offset {self.offset:g} and scale {self.scale:g}; "
                "give a power and a scale above 0 and an offset of 0 or more"
            )
        if self.slope_limit is not None and not self.slope_limit > 0:
            raise InputError(f"slope_limit is {self.slope_limit:g}; give a number above 0, or None for no limit")


class Compress(nn.Module):
    """Compress each element of a tensor by one ``Compression``."""

    def __init__(self, compression: Compression) -> None:
        super().__init__()
        self.compression = compression

    def forward(self, envelopes: Tensor) -> Tensor:
        """Return the compressed envelopes, of the same shape."""
        return _Power.apply(envelopes, self.compression)

    def extra_repr(self) -> str:
        """Show the settings."""
        return repr(self.compression)


class Rectify(nn.Module):
    """Set negative elements to 0; the backward pass passes them as they are."""

    def forward(self, frames: Tensor) -> Tensor:
        """Return the rectified frames, of the same shape."""
        return _Rectify.apply(frames)


class _Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, frames: Tensor) -> Tensor:
        return frames.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


class _Power(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, envelopes: Tensor, compression: Compression) -> Tensor:
        scaled = (envelopes.clamp(min=0) + compression.offset) * compression.scale
        compressed = scaled**compression.power
        ctx.save_for_backward(scaled)
        ctx.compression = compression
        return compressed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (scaled,), settings = ctx.saved_tensors, ctx.compression
        slope = settings.power * scaled ** (settings.power - 1)
        if settings.slope_limit is not None:
            slope = slope.clamp(max=settings.slope_limit)
        return gradients[0] * slope * settings.scale, None
