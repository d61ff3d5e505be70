"""Averages in windows of maps and of their products, which are never all in memory at once.

Products are pooled by a sparse matrix as soon as they are computed, and computed again on the way back, so that memory grows with
the maps and not with their pairs. Maps are (place, batch, map): a row of the matrix then reads memory in order.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Lag = tuple[int, int]


class PoolMatrix:
    """A sparse matrix (window, place) whose rows sum to 1, and its transpose, in the precision of what is pooled."""

    def __init__(self, window: Tensor, place: Tensor, weight: Tensor, windows: int, places: int) -> None:
        share = (
            weight / torch.zeros(windows, dtype=weight.dtype, device=weight.device).index_add(0, window, weight)[window]
        )
        self.forward = _csr(window, place, share, windows, places)
        order = torch.argsort(place, stable=True)
        self.back = _csr(place[order], window[order], share[order], places, windows)


def _csr(row: Tensor, column: Tensor, value: Tensor, rows: int, columns: int) -> Tensor:
    starts = torch.zeros(rows + 1, dtype=torch.long, device=row.device)
    starts[1:] = torch.bincount(row, minlength=rows).cumsum(0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(starts, column, value, (rows, columns), check_invariants=False)


def by_place(maps: Tensor) -> Tensor:
    """Maps (batch, map, y, x) as they are pooled: (place, batch, map)."""
    return maps.flatten(2).permute(2, 0, 1).contiguous()


def pooled(maps: Tensor, pool: PoolMatrix) -> Tensor:
    """Averages (window, batch, map) of maps (place, batch, map)."""
    out: Tensor = _Pooled.apply(maps, pool)
    return out


def pooled_products(one: Tensor, other: Tensor, pool: PoolMatrix) -> Tensor:
    """Averages (window, batch, one, other) of the products of maps (place, batch, one) and (place, batch, other)."""
    out: Tensor = _Products.apply(one, other, pool)
    return out


def pooled_lags(maps: Tensor, pool: PoolMatrix, lags: Sequence[Lag], grid: tuple[int, int]) -> Tensor:
    """Averages (window, batch, map, lag) of the products of maps (place, batch, map) with themselves so many (y, x) away."""
    out: Tensor = _Lagged.apply(maps, pool, tuple(lags), grid)
    return out


def _times(matrix: Tensor, maps: Tensor) -> Tensor:
    return (matrix @ maps.flatten(1)).view(-1, *maps.shape[1:])


class _Pooled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, pool: PoolMatrix) -> Tensor:
        ctx.pool = pool
        return _times(pool.forward, maps)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _times(ctx.pool.back, gradient.contiguous()), None


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, one: Tensor, other: Tensor, pool: PoolMatrix) -> Tensor:
        ctx.pool = pool
        ctx.save_for_backward(one, other)
        return _times(pool.forward, one[..., :, None] * other[..., None, :])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        one, other = ctx.saved_tensors
        spread = _times(ctx.pool.back, gradient.contiguous())
        on_one = (spread @ other[..., None])[..., 0]
        on_other = (one[..., None, :] @ spread)[..., 0, :]
        return on_one, on_other, None


class _Lagged(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, maps: Tensor, pool: PoolMatrix, lags: tuple[Lag, ...], grid: tuple[int, int]) -> Tensor:
        ctx.pool, ctx.lags, ctx.grid = pool, lags, grid
        ctx.save_for_backward(maps)
        return torch.stack([_times(pool.forward, maps * _moved(maps, lag, grid)) for lag in lags], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Any:
        (maps,) = ctx.saved_tensors
        found = torch.zeros_like(maps)
        for at, (y, x) in enumerate(ctx.lags):
            spread = _times(ctx.pool.back, gradient[..., at].contiguous())
            found.addcmul_(spread, _moved(maps, (y, x), ctx.grid))
            found += _moved(spread * maps, (-y, -x), ctx.grid)
        return found, None, None, None


def _moved(maps: Tensor, lag: Lag, grid: tuple[int, int]) -> Tensor:
    """What is so many places (y, x) away; the ends of an image are joined."""
    return maps.unflatten(0, grid).roll((-lag[0], -lag[1]), (0, 1)).flatten(0, 1) if any(lag) else maps
