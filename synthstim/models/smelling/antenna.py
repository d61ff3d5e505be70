"""Receptor neurons: what the receptor types of an antenna answer to a mixture, from what they answer to its odorants."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synthstim.errors import InputError


class Antenna(nn.Module):
    """Mixtures of odorants -> rates of receptor types.

    Odorants compete for a receptor, as in Singh et al. 2019 (doi:10.1073/pnas.1813230116): each adds to its odds of being
    active in proportion to its concentration, and the rate is the share of the largest. One odorant alone, at the stock's
    concentration, gives the rate that was recorded; odorants that inhibit take from the odds, down to none.

    Args:
        responses: (odorant, receptor) rates to each odorant alone, at a concentration of 1.
        spontaneous: (receptor,) rates to none.
        most: the largest rate that there can be.

    Example:
        >>> antenna = Antenna(np.array([[0.6, 0.1], [0.2, 0.5]]), np.array([0.1, 0.1]), most=1.0)
        >>> antenna(torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0]]))
        tensor([[0.6000, 0.1000],
                [0.1000, 0.1000],
                [0.6211, 0.5000]])
    """

    rise: Tensor
    rest: Tensor

    def __init__(self, responses: NDArray[np.floating], spontaneous: NDArray[np.floating], *, most: float) -> None:
        super().__init__()
        if responses.min() < 0 or spontaneous.min() < 0 or max(responses.max(), spontaneous.max()) >= most:
            raise InputError(
                f"rates from {responses.min():g} to {responses.max():g} given; expected 0 to less than {most:g}"
            )
        self.most = most
        rest = spontaneous / (most - spontaneous)
        self.register_buffer("rest", torch.as_tensor(rest, dtype=torch.float32))
        self.register_buffer("rise", torch.as_tensor(responses / (most - responses) - rest, dtype=torch.float32))

    def forward(self, odours: Tensor) -> Tensor:
        """Concentrations (batch, odorant) -> rates (batch, receptor)."""
        odds = (self.rest + odours @ self.rise).clamp_min(0)
        return self.most * odds / (1 + odds)
