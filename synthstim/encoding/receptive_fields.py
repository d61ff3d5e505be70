"""Receptive fields of fitted sites, as the weights of their read-outs lie in space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from synthstim.encoding.maps import moments, places_of
from synthstim.encoding.members import Member
from synthstim.models import Observer, ReceptiveField

COLUMNS = ("field_right", "field_up", "field_diameter")
# Cells along the smaller side, on which layers of all resolutions meet.
CELLS = 48
# A mask is noisy all over the image. Of 16 simulated sites, diameters correlate with the true ones at .54 by the 4th power,
# at .77 by the 12th; both are 1.4 to 1.6 times as large, as features see more than the place they stand for.
POWER = 12
# Of a Gaussian: beyond, it has an eighth of its height.
DIAMETER_SDS = 4.0
_IMAGE = {("y", "x"), ("token",)}


def estimated(bases: list[Observer], members: Iterable[Member], sites: int) -> pd.DataFrame:
    """``COLUMNS`` of each site, NaN where no read-out lies on a grid over the image.

    The squared weights of each read-out, summed over channels, are brought to one grid and averaged over members; centre and
    width are those of the Gaussian whose moments their sixth power has. The fields of the layer's own units come on top: a site that reads
    a late layer sees more than its weights show.
    """
    shape = bases[0].input.shape
    side = min(shape[-2:]) if len(shape) == 3 else 0
    if not side:
        return pd.DataFrame(np.full((sites, 3), np.nan), columns=list(COLUMNS))
    grid = tuple(round(CELLS * length / side) for length in shape[1:])
    total, known = torch.zeros(sites, *grid), torch.zeros(sites)
    for member in members:
        parts = [
            _energy(bases[member.network], layer, readout, grid)
            for layer, readout in zip(member.reads, member.sites.readouts, strict=True)
        ]
        energy = torch.cat(parts)[member.sites.order.cpu()]
        norm = energy.flatten(1).sum(1)
        there = norm > 0
        total[there] += energy[there] / norm[there, None, None]
        known += there
    # From the image's centre, in fractions of its smaller side: down and right.
    rows, columns = ((torch.arange(cells) + 0.5 - cells / 2) / CELLS for cells in grid)
    centre, width = moments(
        (total / known.clamp_min(1)[:, None, None]).sqrt().flatten(1), places_of(rows, columns), POWER
    )
    table = torch.stack([centre[:, 1], -centre[:, 0], (DIAMETER_SDS * width).clamp_max(1.0)], 1)
    return pd.DataFrame(torch.where(known[:, None] > 0, table, torch.nan).double().numpy(), columns=list(COLUMNS))


def fields_in(table: pd.DataFrame) -> dict[str, ReceptiveField]:
    """Site -> its field, of those of a fit's table that have one."""
    if not set(COLUMNS) <= set(table):
        return {}
    rows = zip(table["site"].astype(str), *(table[name].astype(float) for name in COLUMNS), strict=True)
    return {site: ReceptiveField(*field) for site, *field in rows if np.isfinite(field).all()}


def in_pixels(fields: Mapping[str, ReceptiveField], shape: tuple[int, ...]) -> pd.DataFrame:
    """``site``, and ``right``, ``up`` and ``diameter`` in pixels of images of a shape (channel, y, x)."""
    side = min(shape[-2:])
    rows = [(site, one.right * side, one.up * side, one.diameter * side) for site, one in fields.items()]
    return pd.DataFrame(rows, columns=["site", "right", "up", "diameter"])


def _energy(base: Observer, layer: str, readout: nn.Module, grid: tuple[int, ...]) -> Tensor:
    """(site, *grid) squared weights of a read-out; zero where they have no place in the image."""
    axes, shape = base.axes.all()[layer], base.layers[layer]
    by_place = getattr(readout, "by_place", None)
    if by_place is None or axes is None or not axes.has_grid or axes.places not in _IMAGE:
        with torch.no_grad():
            sites = readout(torch.zeros(1, *shape, device=base.device, dtype=base.network_dtype)).shape[1]
        return torch.zeros(sites, *grid)
    squared = by_place(axes, shape).cpu().float().square()[:, None]
    return nn.functional.interpolate(squared, size=grid, mode="bilinear", align_corners=False)[:, 0]
