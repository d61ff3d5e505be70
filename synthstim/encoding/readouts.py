"""Read-outs: modules from one layer's activations (batch, *layer) to sites (batch, site)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models import Axes


class LinearReadout(nn.Module):
    """A weight for every feature of the layer.

    Args:
        weight: (site, feature).
        bias: (site,).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, activations: Tensor) -> Tensor:
        """(batch, *layer) -> (batch, site)."""
        return nn.functional.linear(activations.flatten(1), self.weight, self.bias)

    def by_place(self, axes: Axes, shape: tuple[int, ...]) -> Tensor:
        """(site, y, x) of a layer of this shape: how much of it is read where, over all channels."""
        return axes.maps(self.weight.detach().unflatten(1, shape)).norm(dim=1)

    @property
    def facts(self) -> dict[str, Any]:
        """What makes it again, with its tensors."""
        return {}

    @classmethod
    def of(cls, held: Mapping[str, Tensor], facts: Mapping[str, Any]) -> LinearReadout:
        """Make it again."""
        return cls(held["weight"], held["bias"])


class FactorisedReadout(nn.Module):
    """A spatial mask times channel weights (Bashivan, Kar & DiCarlo 2019).

    Args:
        mask: (site, y, x), on the layer's grid after it is averaged over ``pool`` x ``pool`` cells.
        channels: (site, channel).
        bias: (site,).
        pool: cells that are averaged.
        axes: of the layer.
    """

    def __init__(
        self, mask: Tensor, channels: Tensor, bias: Tensor, *, pool: int = 1, axes: Axes | None = None
    ) -> None:
        super().__init__()
        self.mask, self.channels, self.bias = nn.Parameter(mask), nn.Parameter(channels), nn.Parameter(bias)
        self.pool, self.axes = pool, axes

    def forward(self, activations: Tensor) -> Tensor:
        """(batch, *layer) -> (batch, site)."""
        maps = maps_of(activations, self.axes, self.pool)
        return read_maps(maps.flatten(2), self.mask.flatten(1), self.channels) + self.bias

    def by_place(self, axes: Axes, shape: tuple[int, ...]) -> Tensor:
        """(site, y, x) of a layer of this shape: how much of it is read where."""
        return _unpooled(self.mask.detach(), self.pool, axes, shape)

    @property
    def facts(self) -> dict[str, Any]:
        """What makes it again, with its tensors."""
        return {"pool": self.pool, **_plain(self.axes)}

    @classmethod
    def of(cls, held: Mapping[str, Tensor], facts: Mapping[str, Any]) -> FactorisedReadout:
        """Make it again."""
        return cls(held["mask"], held["channels"], held["bias"], pool=int(facts["pool"]), axes=_axes(facts))


class GaussianReadout(nn.Module):
    """A Gaussian over space times channel weights.

    Lurz et al. 2021 draw a position from the Gaussian at each step of the fit and read the features there; this is the
    expectation of theirs over positions, which needs no drawing and keeps the width.

    Args:
        centre: (site, 2) y and x, from -1 to 1 across the layer's grid.
        width: (site,) standard deviation, in the same unit.
        channels: (site, channel).
        bias: (site,).
        pool, axes: as for ``FactorisedReadout``.
        grid: (y, x) cells after pooling.
    """

    def __init__(
        self,
        centre: Tensor,
        width: Tensor,
        channels: Tensor,
        bias: Tensor,
        *,
        grid: tuple[int, int],
        pool: int = 1,
        axes: Axes | None = None,
    ) -> None:
        super().__init__()
        self.centre, self.width = nn.Parameter(centre), nn.Parameter(width)
        self.channels, self.bias = nn.Parameter(channels), nn.Parameter(bias)
        self.grid, self.pool, self.axes = grid, pool, axes

    def forward(self, activations: Tensor) -> Tensor:
        """(batch, *layer) -> (batch, site)."""
        maps = maps_of(activations, self.axes, self.pool)
        mask = gaussian_mask(self.centre, self.width, self.grid)
        return read_maps(maps.flatten(2), mask, self.channels) + self.bias

    def by_place(self, axes: Axes, shape: tuple[int, ...]) -> Tensor:
        """(site, y, x) of a layer of this shape: how much of it is read where."""
        mask = gaussian_mask(self.centre.detach(), self.width.detach(), self.grid)
        return _unpooled(mask.unflatten(1, self.grid), self.pool, axes, shape)

    @property
    def facts(self) -> dict[str, Any]:
        """What makes it again, with its tensors."""
        return {"pool": self.pool, **_plain(self.axes), "grid": list(self.grid)}

    @classmethod
    def of(cls, held: Mapping[str, Tensor], facts: Mapping[str, Any]) -> GaussianReadout:
        """Make it again."""
        tensors = (held[name] for name in ("centre", "width", "channels", "bias"))
        return cls(*tensors, grid=tuple(facts["grid"]), pool=int(facts["pool"]), axes=_axes(facts))


def _plain(axes: Axes | None) -> dict[str, str]:
    return {"axes": str(axes)} if axes else {}


def _axes(facts: Mapping[str, Any]) -> Axes | None:
    return Axes.parse(facts["axes"]) if "axes" in facts else None


def axes_of_old(count: int) -> Axes:
    """The axes of a layer with so many, as fits have them that do not say: channels first on a grid, tokens otherwise.

    Raises:
        InputError: the layer has no space.
    """
    if count not in (2, 3):
        raise InputError(f"a layer with {count} axes has no space to put a mask on", "fit it with ridge or pls")
    return Axes(("channel", "y", "x") if count == 3 else ("token", "channel"))


def maps_of(activations: Tensor, axes: Axes | None, pool: int) -> Tensor:
    """Activations (batch, *layer) as maps (batch, channel, y, x), averaged over ``pool`` x ``pool`` cells."""
    return pooled((axes or axes_of_old(activations.ndim - 1)).maps(activations), pool)


def pooled(maps: Tensor, pool: int) -> Tensor:
    """Maps averaged over ``pool`` x ``pool`` cells; a last cell that is not whole averages what it has."""
    if pool == 1:
        return maps
    sides = [min(pool, side) for side in maps.shape[2:]]
    return nn.functional.avg_pool2d(maps, sides, ceil_mode=True, count_include_pad=False)


def _unpooled(mask: Tensor, pool: int, axes: Axes, shape: tuple[int, ...]) -> Tensor:
    """A mask (site, y, x) of pooled cells on the cells of the layer."""
    rows, columns = axes.maps(torch.zeros(1, *shape)).shape[2:]
    return mask.repeat_interleave(pool, 1).repeat_interleave(pool, 2)[:, :rows, :columns]


def read_maps(maps: Tensor, mask: Tensor, channels: Tensor) -> Tensor:
    """sum over channel and place of maps (batch, channel, place) x mask (site, place) x channels (site, channel)."""
    # First over the axis that is longer: what lies in between is then small.
    if maps.shape[1] > maps.shape[2]:
        return torch.einsum("nsp,sp->ns", torch.einsum("ncp,sc->nsp", maps, channels), mask)
    return torch.einsum("ncs,sc->ns", maps @ mask.T, channels)


def gaussian_mask(centre: Tensor, width: Tensor, grid: tuple[int, int]) -> Tensor:
    """(site, place) Gaussians on a grid whose sides go from -1 to 1, each of unit Euclidean norm."""
    rows, columns = (axis(side).to(centre) for side in grid)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    squared = (y.flatten() - centre[:, :1]) ** 2 + (x.flatten() - centre[:, 1:]) ** 2
    # From the nearest cell on: a narrow Gaussian between cells would be zero everywhere.
    squared = squared - squared.min(1, keepdim=True).values
    mask = torch.exp(-squared / (2 * width[:, None] ** 2))
    return mask / mask.norm(dim=1, keepdim=True)


def axis(side: int) -> Tensor:
    """Places of cells from -1 to 1; the middle, of one cell."""
    return torch.linspace(-1, 1, side) if side > 1 else torch.zeros(1)
