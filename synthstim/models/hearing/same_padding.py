"""Convolution and pooling with TensorFlow's SAME padding: the output is the input's size over the stride, rounded up.

When the padding is odd the extra row or column comes after, not before, as in the auditory networks' original code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

Pair = tuple[int, int]


def same_padding(size: int, kernel: int, stride: int) -> Pair:
    """Return how many elements SAME padding puts before and after an axis of ``size``.

    >>> same_padding(211, 7, 3), same_padding(390, 14, 3)
    ((3, 3), (5, 6))
    """
    whole = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return whole // 2, whole - whole // 2


def pad_same(x: Tensor, kernel: Pair, stride: Pair, value: float = 0.0) -> Tensor:
    """Pad (..., y, x) on its last two axes as SAME convolution and pooling want it."""
    rows, columns = (same_padding(x.shape[axis - 2], kernel[axis], stride[axis]) for axis in (0, 1))
    return functional.pad(x, (*columns, *rows), value=value) if any((*rows, *columns)) else x


class SameConv2d(nn.Conv2d):
    """A convolution with SAME padding; its parameters are those of ``nn.Conv2d``.

    >>> SameConv2d(1, 96, (7, 14), 3)(torch.zeros(1, 1, 211, 390)).shape
    torch.Size([1, 96, 71, 130])
    """

    def __init__(self, channels: int, filters: int, kernel: Pair, stride: int = 1, *, bias: bool = False) -> None:
        super().__init__(channels, filters, kernel, stride, bias=bias)
        self._sizes: tuple[Pair, Pair] = (kernel, (stride, stride))

    def forward(self, input: Tensor) -> Tensor:
        """(batch, channel, y, x) -> (batch, filter, y / stride, x / stride), rounded up."""
        return super().forward(pad_same(input, *self._sizes))


class SameMaxPool2d(nn.Module):
    """The largest value in each window; what is padded never counts."""

    def __init__(self, kernel: Pair, stride: int) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, (stride, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, y, x) -> (batch, channel, y / stride, x / stride), rounded up."""
        return functional.max_pool2d(pad_same(x, self.kernel, self.stride, -torch.inf), self.kernel, self.stride)


class SameAvgPool2d(nn.Module):
    """The mean of each window.

    Args:
        count_padding: whether zeros outside the input count as values. TensorFlow leaves them out; the published
            PyTorch networks count them.
    """

    def __init__(self, kernel: Pair, stride: int, *, count_padding: bool) -> None:
        super().__init__()
        self.kernel, self.stride, self.count_padding = kernel, (stride, stride), count_padding

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, y, x) -> (batch, channel, y / stride, x / stride), rounded up."""
        means = functional.avg_pool2d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)
        if self.count_padding:
            return means
        inside = pad_same(torch.ones_like(x[:1, :1]), self.kernel, self.stride)
        return means / functional.avg_pool2d(inside, self.kernel, self.stride)
