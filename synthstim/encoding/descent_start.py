"""Where a descent starts: the mask and channels that fit the covariance of features and responses best."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from synthstim.encoding.readouts import read_maps

_AT_ONCE = 64


def first_guess(values: Tensor, target: Tensor, iterations: int = 8) -> tuple[Tensor, Tensor]:
    """The best mask times channels for the covariance of features and responses, scaled to fit the responses.

    Starting there, not from noise as the paper does, spares most of the steps and any choice among starts.

    Args:
        values: (stimulus, channel, place).
        target: (stimulus, replica), zero where it is not known.
    """
    mask = torch.cat([_energy(values, part) for part in target.split(_AT_ONCE, dim=1)])
    for _ in range(iterations):
        # Power iteration on the covariance (channel, place) of each replica, which is never held.
        channels = nn.functional.normalize(_marginal(values, target, mask, "ncp,rp->ncr"), dim=1)
        mask = nn.functional.normalize(_marginal(values, target, channels, "ncp,rc->npr"), dim=1)
    read = torch.cat([read_maps(some, mask, channels) for some, _ in _batches(values, target)])
    gain = (read * target).sum(0) / read.square().sum(0).clamp_min(1e-12)
    # The sign of a mask is free: most of it is made positive, so that its Gaussian lies where it is.
    sign = torch.where(mask.sum(1) < 0, -1.0, 1.0)
    return mask * sign[:, None], channels * (gain * sign)[:, None]


def _energy(values: Tensor, target: Tensor) -> Tensor:
    """(replica, place) squared covariances of features and responses, summed over channels, of unit norm."""
    energy = (values.flatten(1).T @ target).unflatten(0, values.shape[1:]).square().sum(0).T
    return nn.functional.normalize(energy, dim=1)


def _marginal(values: Tensor, target: Tensor, weights: Tensor, sums: str) -> Tensor:
    """(replica, channel) or (replica, place): the covariance with responses, weighted over the other axis."""
    parts = [
        torch.einsum("nar,nr->ra", torch.einsum(sums, some, weights), known) for some, known in _batches(values, target)
    ]
    return torch.stack(parts).sum(0)


def _batches(values: Tensor, target: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(values.split(_AT_ONCE), target.split(_AT_ONCE), strict=True)
