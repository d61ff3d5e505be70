"""Receptors of the fly's antenna by recordings: Hallem & Carlson 2006, 110 odorants and 24 receptor types.

The recordings (doi:10.1016/j.cell.2006.01.050) are read from the installed package drosolf, which holds them.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthstim.errors import InputError

# Just above the largest rate that was recorded, 294 spikes/s: no receptor neuron can answer more.
MOST = 300.0
STOCK = "10^-2 in paraffin oil or water, as recorded by Hallem & Carlson 2006"
_SPONTANEOUS = "spontaneous firing rate"


@dataclass(frozen=True)
class Recordings:
    """Rates in spikes/s.

    Attributes:
        odorants, receptors: their names.
        responses: (odorant, receptor).
        spontaneous: (receptor,).
    """

    odorants: tuple[str, ...]
    receptors: tuple[str, ...]
    responses: NDArray[np.float64]
    spontaneous: NDArray[np.float64]


def recordings() -> Recordings:
    """The recorded rates, spontaneous activity included; what fell below none counts as none, as in the package.

    Raises:
        InputError: drosolf is not installed.
    """
    try:
        from drosolf import orns
    except ImportError:
        raise InputError(
            "the recordings of Hallem & Carlson 2006 come with drosolf, which is not installed",
            "pip install 'synthstim[smell]'",
            code="not-installed",
        ) from None
    with warnings.catch_warnings():
        # It warns of its own use of pandas.
        warnings.simplefilter("ignore")
        rates = orns.orns()
        changes = orns.orns(add_sfr=False, drop_sfr=False)
    return Recordings(
        tuple(map(str, rates.index)),
        tuple(map(str, rates.columns)),
        rates.to_numpy(np.float64),
        changes.loc[_SPONTANEOUS, rates.columns].to_numpy(np.float64),
    )
