"""What every optimiser shares: the contract, schedules, and the length of a first step."""

from __future__ import annotations

import math
from typing import Protocol

from torch import Tensor

from synthstim.errors import InputError

State = dict[str, Tensor]
SCHEDULES = ("constant", "cosine", "halving", "late")
# Share of the budget at its end in which ``late`` falls.
FALL = 0.1


class Optimiser(Protocol):
    """Moves a batch of flat latents, one evaluation a call; items never see one another.

    Attributes:
        squared: whether a match in dB is to be given as the squared error behind it.
        stochastic: whether the loss may change from one evaluation to the next (random jitter).
        state: tensors whose first axis is the item; they are all that a checkpoint needs.
    """

    squared: bool
    stochastic: bool
    state: State

    def start(self, latents: Tensor) -> None:
        """Prepare for a batch of flat latents (batch, latent)."""

    def advance(self, latents: Tensor, loss: Tensor, gradient: Tensor, fraction: float) -> Tensor:
        """Take the loss (batch,) and gradient (batch, latent) at the latents; return where to evaluate next.

        Args:
            fraction: of the budget that is spent, 0 to 1.
        """

    def disregard(self, items: Tensor) -> None:
        """Take the next loss of some items (a mask, batch) as their first: the losses up to now said nothing."""


def scheduled(schedule: str, fraction: float) -> float:
    """Factor on the step when a fraction of the budget is spent.

    ``halving`` halves the step in eight equal blocks (Feather et al. 2023); ``cosine`` falls to 1 %, ``late`` does so in
    the last tenth.
    """
    if schedule in ("cosine", "late"):
        fallen = fraction if schedule == "cosine" else (fraction - 1 + FALL) / FALL
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(max(fallen, 0.0), 1.0)))
    return 0.5 ** min(int(fraction * 8), 7) if schedule == "halving" else 1.0


def require_schedule(schedule: str) -> None:
    """Raise InputError unless the schedule is known."""
    if schedule not in SCHEDULES:
        raise InputError(f"schedule {schedule!r} is unknown", f"choose {', '.join(SCHEDULES)}", code="unknown")


def first_step(gradient: Tensor, step: float) -> Tensor:
    """The gradient of each item, scaled to a root mean square of ``step``."""
    size = gradient.square().mean(1, keepdim=True).sqrt()
    return gradient * (step / size.clamp_min(1e-30))
