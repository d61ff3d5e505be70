"""Linear maps that bring their own adjoint, for where automatic differentiation would waste time or memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Map = Callable[[Tensor], Tensor]


def linear_map(given: Tensor, there: Map, back: Map) -> Tensor:
    """Return ``there(given)``, differentiated by ``back``, its adjoint: ``<there(x), y> == <x, back(y)>``.

    Nothing is kept for the backward pass, and it can itself be differentiated.
    """
    return _Linear.apply(given, there, back)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, given: Tensor, there: Map, back: Map) -> Tensor:
        ctx.there, ctx.back = there, back
        return there(given)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Linear.apply(gradients[0], ctx.back, ctx.there), None, None
