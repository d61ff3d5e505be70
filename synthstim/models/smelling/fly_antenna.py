"""The fly's antenna by recordings, with divisive normalisation and randomly wired Kenyon cells; nothing is trained.

Receptors are those of Hallem & Carlson 2006, projection neurons those of Olsen et al. 2010. A Kenyon cell adds up seven
projection neurons at random, as Caron et al. 2013 found (doi:10.1038/nature12063); its threshold is where a tenth of
the cells answers to an odorant of the panel, on average.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.modalities.odour import OdourInput
from synthstim.models.smelling.antenna import Antenna
from synthstim.models.smelling.hallem2006 import MOST, STOCK, recordings
from synthstim.models.smelling.olsen2010 import DivisiveNormalisation

KENYON_CELLS, CLAWS = 2000, 7
ACTIVE = 0.1
STAGES = ("antenna", "pn", "kc")
AXES = {"antenna": "channel", "pn": "channel", "claws": "channel", "kc": "channel"}


class FlyAntenna(nn.Module):
    """Mixture -> rates of receptor neurons -> of projection neurons -> of Kenyon cells, in spikes/s."""

    def __init__(self) -> None:
        super().__init__()
        held = recordings()
        self.antenna = Antenna(held.responses, held.spontaneous, most=MOST)
        self.pn = DivisiveNormalisation()
        self.claws = nn.Linear(len(held.receptors), KENYON_CELLS)
        self.kc = nn.ReLU()
        generator = torch.Generator().manual_seed(0)
        order = torch.rand(KENYON_CELLS, len(held.receptors), generator=generator).argsort(1)
        with torch.no_grad():
            self.claws.weight.copy_((order < CLAWS) / CLAWS)
            self.claws.bias.zero_()
            sums = self.claws(self.pn(torch.as_tensor(held.responses, dtype=torch.float32)))
            # Above it lies a tenth of all answers to all odorants.
            self.claws.bias.fill_(-float(sums.flatten().sort().values[int((1 - ACTIVE) * sums.numel())]))

    def forward(self, odours: Tensor) -> Tensor:
        """Concentrations (batch, odorant) -> rates of Kenyon cells (batch, cell)."""
        rates: Tensor = self.kc(self.claws(self.pn(self.antenna(odours))))
        return rates


def panel() -> OdourInput:
    """The panel of 110 odorants.

    Raises:
        InputError: drosolf is not installed.
    """
    return OdourInput(odorants=recordings().odorants, stock=STOCK)


def network(*, weights: str | Path = "default") -> FlyAntenna:
    """Return the network.

    Raises:
        InputError: weights are asked for, which it has none of; drosolf is not installed.
    """
    if str(weights) != "default":
        raise InputError("fly-antenna has no weights of its own to give", "leave weights out", code="mismatch")
    return FlyAntenna()
