"""Projection neurons that receptor neurons of all types inhibit: the input gain of Olsen, Bhandawat & Wilson 2010."""

from __future__ import annotations

from torch import Tensor, nn

# Of the fits to the glomeruli VM7 and DL5 (doi:10.1016/j.neuron.2010.04.009); 190 spikes/s is a field potential of 1.
MOST = 165.0
HALF = 12.0
POWER = 1.5
GAIN = 10.63
PER_FIELD = 190.0


class DivisiveNormalisation(nn.Module):
    """Rates of receptor types -> rates of the projection neurons of their glomeruli, in spikes/s.

    Each rises with its own input to the power of 1.5 and saturates, the later the more all inputs together amount to.

    Example:
        >>> import torch
        >>> alone, among = torch.tensor([[40.0, 0, 0]]), torch.tensor([[40.0, 200, 200]])
        >>> normalise = DivisiveNormalisation()
        >>> normalise(alone)[0, 0].round().item(), normalise(among)[0, 0].round().item()
        (140.0, 100.0)
    """

    def forward(self, rates: Tensor) -> Tensor:
        """(batch, receptor) -> (batch, glomerulus)."""
        own = _power(rates)
        inhibition = _power(GAIN * rates.sum(-1, keepdim=True) / PER_FIELD)
        return MOST * own / (own + HALF**POWER + inhibition)


def _power(rates: Tensor) -> Tensor:
    return rates.clamp_min(0) * rates.clamp_min(1e-12).sqrt()
