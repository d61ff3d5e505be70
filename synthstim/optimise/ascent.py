"""First-order optimisers: Adam, and plain or normalised gradient ascent to reproduce papers."""

from __future__ import annotations

import torch
from torch import Tensor

from synthstim.optimise.base import State, require_schedule, scheduled

MOMENTUM = 0.9


class Adam:
    """Adam (Kingma & Ba 2015), with a schedule; every latent has its own moments, so items stay independent.

    Args:
        step: in units of the latents.
        schedule: ``cosine``, ``constant``, ``halving`` or ``late`` (see ``scheduled``), over the evaluation budget.
        momentum: how much of the mean gradient is that of the evaluation before, 0 to 1.
        memory: the same of the mean square.
    """

    squared = False
    stochastic = True

    def __init__(
        self, *, step: float = 0.05, schedule: str = "cosine", momentum: float = MOMENTUM, memory: float = 0.999
    ) -> None:
        require_schedule(schedule)
        self.step, self.schedule, self.momentum, self.memory = step, schedule, momentum, memory
        self.state: State = {}

    def __repr__(self) -> str:
        momentum = "" if self.momentum == MOMENTUM else f", momentum={self.momentum}"
        return f"Adam(step={self.step}, schedule={self.schedule!r}{momentum})"

    def start(self, latents: Tensor) -> None:
        """Prepare for a batch of flat latents (batch, latent)."""
        self.state = {
            "mean": torch.zeros_like(latents),
            "square": torch.zeros_like(latents),
            "count": torch.zeros(len(latents), dtype=torch.float64),
        }

    def advance(self, latents: Tensor, _loss: Tensor, gradient: Tensor, fraction: float) -> Tensor:
        """One step down the loss."""
        one, two = self.momentum, self.memory
        self.state["count"] += 1
        count = float(self.state["count"][0])  # on the host: no device waits
        mean = self.state["mean"].lerp_(gradient, 1 - one)
        square = self.state["square"].mul_(two).addcmul_(gradient, gradient, value=1 - two)
        size = square.sqrt().div_((1 - two**count) ** 0.5).add_(1e-12)
        step = self.step * scheduled(self.schedule, fraction) / (1 - one**count)
        return torch.addcdiv(latents, mean, size, value=-step)

    def disregard(self, items: Tensor) -> None:
        """No loss is kept."""


class GradientAscent:
    """Steps along the gradient, plain or divided by its norm (Feather et al. 2023: normalised, halving, step 1).

    Args:
        step: plain, a factor on the gradient; normalised, the length of a step.
        normalised: whether each item's gradient is divided by its L2 norm.
    """

    squared = False
    stochastic = True

    def __init__(self, *, step: float = 1.0, schedule: str = "constant", normalised: bool = False) -> None:
        require_schedule(schedule)
        self.step, self.schedule, self.normalised = step, schedule, normalised
        self.state: State = {}

    def __repr__(self) -> str:
        return f"GradientAscent(step={self.step}, schedule={self.schedule!r}, normalised={self.normalised})"

    def start(self, latents: Tensor) -> None:
        """Nothing is kept between steps."""
        self.state = {}

    def advance(self, latents: Tensor, _loss: Tensor, gradient: Tensor, fraction: float) -> Tensor:
        """One step down the loss."""
        if self.normalised:
            gradient = gradient / gradient.norm(dim=1, keepdim=True).clamp_min(1e-30)
        return latents.sub(gradient, alpha=self.step * scheduled(self.schedule, fraction))

    def disregard(self, items: Tensor) -> None:
        """No loss is kept."""
