"""How sure a classifier is of each of its answers."""

from __future__ import annotations

import torch
from torch import Tensor


def log_odds(outputs: Tensor) -> Tensor:
    """Log-odds (batch, answer) of each answer by a softmax of outputs (batch, answer).

    Example:
        >>> log_odds(torch.tensor([[2.0, 0.0]])).tolist()
        [[2.0, -2.0]]
    """
    # Of the likeliest answer 1 - p would be lost to rounding: what the others come to is summed by itself.
    top = outputs.argmax(1, keepdim=True)
    others = outputs.scatter(1, top, -torch.inf).logsumexp(1, keepdim=True)
    shares = outputs - outputs.logsumexp(1, keepdim=True)
    below = shares.clamp_max(-0.5)
    odds = shares - torch.log1p(-below.exp())
    return odds.scatter(1, top, outputs.gather(1, top) - others)
