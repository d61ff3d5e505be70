"""Gabor functions with the parameters that cells of macaque V1 were found to have, drawn as Dapello & Marques et al. 2020 draw them.

Preferred orientations are from De Valois, Yund & Hepler 1982, peak spatial frequencies from De Valois, Albrecht & Thorell
1982, widths of receptive fields in cycles from Ringach 2002, and how width goes with frequency from Schiller, Finlay &
Volman 1976. Phases are even.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr
from torch import Tensor

Numbers = NDArray[np.floating[Any]]
# Edges of each histogram, and how many cells fell between them.
_ORIENTATIONS = np.array([-22.5, 22.5, 67.5, 112.5, 157.5]), np.array([66, 49, 77, 54])
_FREQUENCIES = np.array([0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8]), np.array([4, 4, 8, 25, 32, 26, 28, 12])
_WIDTHS = np.logspace(-1, 0.2, 6)
# A row of widths along the axis of modulation, a column of lengths across it.
_SHAPES = np.array([[2, 0, 1, 0, 0], [8, 9, 4, 1, 0], [1, 2, 19, 17, 3], [0, 0, 1, 7, 4], [0, 0, 0, 0, 0]])
_WIDTH_WITH_FREQUENCY = 0.75


@dataclass(frozen=True)
class GaborCells:
    """Parameters, one number a cell: cycles a degree, degrees, degrees, and standard deviations in cycles.

    ``width`` is along the axis of modulation, ``length`` along the bars.
    """

    frequency: Numbers
    orientation: Numbers
    phase: Numbers
    width: Numbers
    length: Numbers


def drawn(cells: int, seed: int = 0) -> GaborCells:
    """Parameters of this many cells: with the same seed, those of the published networks.

    Example:
        >>> float(drawn(3).phase[0].round(1))
        197.6
    """
    # The old generator, and this order, are those of the published networks.
    random = np.random.RandomState(seed)
    phase = 360 * random.rand(cells)
    orientation = _at(random.rand(cells), *_ORIENTATIONS) % 180
    correlation = [[1, _WIDTH_WITH_FREQUENCY], [_WIDTH_WITH_FREQUENCY, 1]]
    both = ndtr(random.multivariate_normal([0, 0], correlation, cells))
    width = 10 ** _at(both[:, 0], np.log10(_WIDTHS), _SHAPES.sum(1))
    across = [_SHAPES[np.flatnonzero(one > _WIDTHS)[-1]] for one in width]
    length = 10 ** np.array(
        [_at(share, np.log10(_WIDTHS), row) for share, row in zip(random.rand(cells), across, strict=True)]
    )
    frequency = 2 ** _at(both[:, 1], np.log2(_FREQUENCIES[0]), _FREQUENCIES[1])
    return GaborCells(frequency, orientation, phase, width, length)


def kernels(cells: GaborCells, side: int, *, pixels_per_degree: float, shift: float = 0.0) -> Tensor:
    """Gabor functions (cell, y, x) of these parameters, each over the area of its envelope.

    Args:
        side: of a kernel in pixels; odd.
        shift: added to each phase, in degrees: 90 gives the other half of a quadrature pair.
    """
    frequency = cells.frequency / pixels_per_degree
    y, x = np.mgrid[:side, :side] - side // 2
    angle, phase = (np.deg2rad(one)[:, None, None] for one in (cells.orientation, cells.phase + shift))
    across, along = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
    sigmas = [(spread / frequency)[:, None, None] for spread in (cells.width, cells.length)]
    envelope = np.exp(-((across / sigmas[0]) ** 2 + (along / sigmas[1]) ** 2) / 2) / (2 * np.pi * sigmas[0] * sigmas[1])
    return torch.from_numpy(envelope * np.cos(2 * np.pi * frequency[:, None, None] * across + phase)).float()


def _at(shares: Any, edges: Numbers, counts: Numbers) -> Any:
    """The values below which these shares of a histogram lie."""
    return np.interp(shares, np.append(0, counts.cumsum()) / counts.sum(), edges)
