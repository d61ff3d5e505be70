"""Search among mixtures: every change of one component is tried, then every exchange of one for another.

Few components at a few levels are a matter of choice, of which a gradient says little: what it says of a trace of an
odorant need not hold of a tenth of its stock. Small networks score thousands of mixtures in the time of a few gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from synthstim.optimise.base import State

# The number of an item in the batch, and latents (candidate, latent) -> their scores (candidate,).
ScoreOf = Callable[[int, Tensor], Tensor]
# Less than this, of the score, is rounding.
_GAIN = 1e-6


@runtime_checkable
class Looking(Protocol):
    """An optimiser that compares many latents of an item before it moves, instead of going by a gradient."""

    def look(self, latents: Tensor, score_of: ScoreOf) -> tuple[Tensor, int]:
        """Where each item goes on (batch, latent), and how many candidates of an item were looked at, at most."""


class Exchange:
    """Steepest ascent over changes of one latent, then over exchanges of two, from new starts near the best when it ends.

    A step goes to the best of all changes. Where none is better, the item stands on a summit: from its best one so far,
    half of the components are drawn anew, by numbers that follow from where the item began.

    Args:
        levels: that a latent can have besides 0.
        limit: latents (candidate, latent) -> the nearest ones that are allowed.

    Example:
        >>> Exchange([0.1, 1.0], lambda latents: latents)
        Exchange(levels=2)
    """

    squared = False
    stochastic = False

    def __init__(self, levels: Sequence[float], limit: Callable[[Tensor], Tensor]) -> None:
        self.levels, self.limit = [0.0, *levels], limit
        self.state: State = {}

    def __repr__(self) -> str:
        return f"Exchange(levels={len(self.levels) - 1})"

    def start(self, latents: Tensor) -> None:
        """Prepare for a batch of flat latents (batch, latent)."""
        self.state = {
            "summit": latents.clone(),
            "height": torch.full_like(latents[:, 0], -torch.inf),
            "drawn": (latents.double().abs().sum(1) * 2**20).long() % 2**31,
        }

    def advance(self, latents: Tensor, _loss: Tensor, _gradient: Tensor, _fraction: float) -> Tensor:
        """Stay: only what was looked at moves an item."""
        return latents

    def disregard(self, items: Tensor) -> None:
        """Forget the best of these items."""
        self.state["height"] = torch.where(items, -torch.inf, self.state["height"])

    def look(self, latents: Tensor, score_of: ScoreOf) -> tuple[Tensor, int]:
        """One step of each item, or a new start."""
        moved, most = [], 0
        for row, point in enumerate(self.limit(latents)):
            after, looked = self._step(row, point, score_of)
            moved.append(after)
            most = max(most, looked)
        return torch.stack(moved), most

    def _step(self, row: int, point: Tensor, score_of: ScoreOf) -> tuple[Tensor, int]:
        now, looked = float(score_of(row, point[None])[0]), 1
        for candidates in (self._changes, self._exchanges):
            tried = self.limit(candidates(point))
            scores = score_of(row, tried)
            looked += len(tried)
            best = int(scores.argmax())
            if float(scores[best]) > now + _GAIN * max(abs(now), 1.0):
                return tried[best], looked
        if now > float(self.state["height"][row]):
            self.state["height"][row], self.state["summit"][row] = now, point
        return self._drawn_anew(row, self.state["summit"][row]), looked

    def _changes(self, point: Tensor) -> Tensor:
        """Every latent at every level, the others as they are: (latent x level, latent)."""
        levels = point.new_tensor(self.levels)
        tried = point.expand(len(point), len(levels), -1).clone()
        places = torch.arange(len(point), device=point.device)
        tried[places, :, places] = levels
        return tried.flatten(0, 1)

    def _exchanges(self, point: Tensor) -> Tensor:
        """The same without each of the components in turn."""
        there = point.nonzero()[:, 0]
        without = point.expand(len(there), -1).clone()
        without[torch.arange(len(there)), there] = 0
        return torch.cat([self._changes(one) for one in without]) if len(there) else point[None]

    def _drawn_anew(self, row: int, point: Tensor) -> Tensor:
        """Half of the components, at least one, replaced at random."""
        generator = torch.Generator().manual_seed(int(self.state["drawn"][row]))
        self.state["drawn"][row] = int(torch.randint(2**31, (), generator=generator))
        fresh, there = point.clone(), point.nonzero()[:, 0].cpu()
        count = max(1, (len(there) + 1) // 2)
        fresh[there[torch.randperm(len(there), generator=generator)[:count]]] = 0
        into = torch.randperm(len(point), generator=generator)[:count]
        chosen = torch.randint(1, len(self.levels), (count,), generator=generator)
        fresh[into] = point.new_tensor(self.levels)[chosen]
        return self.limit(fresh[None])[0]
