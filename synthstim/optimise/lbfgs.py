"""L-BFGS for many independent items at once: each has its own history, line search and step.

One call of ``advance`` takes one evaluation of the whole batch and proposes the next point of each item, whether
that is a new direction (the step was accepted) or another try along the old one. Nothing waits for anything, and
nothing is read back from the device.

Directions come from the compact form of the inverse Hessian (Byrd, Nocedal & Schnabel 1994): two batched products
with the history instead of a recursion over it. The line search is the bracketing weak-Wolfe search that suits
networks with rectifiers (Lewis & Overton 2013).
"""

from __future__ import annotations

import torch
from torch import Tensor

from synthstim.optimise.base import State, first_step

SUFFICIENT_DECREASE = 1e-4
CURVATURE = 0.9
TRIES = 8


class LBFGS:
    """Limited-memory BFGS, batched.

    Args:
        history: pairs of differences kept for each item.
        step: root-mean-square change of the latents in the very first step.

    Example:
        >>> LBFGS(history=10)
        LBFGS(history=10, step=0.05)
    """

    # A match in dB is minimised as the squared error behind it, for which a quadratic model is apt.
    squared = True
    stochastic = False

    def __init__(self, *, history: int = 20, step: float = 0.05) -> None:
        self.history = history
        self.step = step
        self.state: State = {}

    def __repr__(self) -> str:
        return f"LBFGS(history={self.history}, step={self.step})"

    def start(self, latents: Tensor) -> None:
        """Prepare for a batch of flat latents (batch, latent)."""
        items, size = latents.shape
        pairs = self.history + 1  # the last slot takes what is not to be kept
        small = latents.new_zeros((), dtype=_precise(latents))
        self.state = {
            "point": latents.clone(),
            "loss": torch.full_like(latents[:, 0], torch.inf),
            "gradient": torch.zeros_like(latents),
            "direction": torch.zeros_like(latents),
            "step": torch.ones_like(latents[:, 0]),
            "low": torch.zeros_like(latents[:, 0]),
            "high": torch.full_like(latents[:, 0], torch.inf),
            "tries": torch.zeros(items, dtype=torch.long, device=latents.device),
            "pairs": latents.new_zeros(items, 2 * pairs, size),
            "sy": small.new_zeros(items, pairs, pairs),
            "yy": small.new_zeros(items, pairs, pairs),
            "age": torch.full((items, pairs), -1, dtype=torch.long, device=latents.device),
            "scale": small.new_ones(items),
        }

    def advance(self, latents: Tensor, loss: Tensor, gradient: Tensor, _fraction: float) -> Tensor:
        """Take the loss (batch,) and gradient (batch, latent) at the latents; return where to evaluate next."""
        s = self.state
        change = latents - s["point"]
        slope = (s["gradient"] * change).sum(1)
        finite = torch.isfinite(loss) & torch.isfinite(gradient.sum(1))
        decreased = finite & (loss <= s["loss"] + SUFFICIENT_DECREASE * slope)
        flat = (gradient * change).sum(1) >= CURVATURE * slope
        accepted = decreased & (flat | (s["tries"] >= 2))
        products = self._remember(change, gradient, accepted)
        self._bracket(loss, slope, decreased, accepted)
        taken = accepted[:, None]
        s["point"] = torch.where(taken, latents, s["point"])
        s["gradient"] = torch.where(taken, gradient, s["gradient"])
        s["loss"] = torch.where(accepted, loss, s["loss"])
        s["direction"] = torch.where(taken, self._direction(gradient, products), s["direction"])
        self._restart()
        return torch.addcmul(s["point"], s["step"][:, None], s["direction"])

    def disregard(self, items: Tensor) -> None:
        """Accept the next point of these items whatever its loss, and keep no pair of it."""
        self.state["loss"] = torch.where(items, torch.inf, self.state["loss"])

    def _remember(self, change: Tensor, gradient: Tensor, accepted: Tensor) -> Tensor:
        """Add the new pair to each accepting item's history; return the history's products with the gradient."""
        s, rows = self.state, torch.arange(len(change), device=change.device)
        bend = gradient - s["gradient"]
        curvature, norm = (change * bend).sum(1), bend.square().sum(1)
        keep = accepted & torch.isfinite(s["loss"]) & (curvature > 1e-8 * norm.sqrt() * change.square().sum(1).sqrt())
        slots = self.history + 1
        oldest = s["age"][:, :-1].argmin(1)
        slot = torch.where(keep, oldest, self.history)
        # The spare slot is left empty: a NaN in it would reach the direction, as 0 * NaN.
        s["pairs"][rows, slot] = torch.where(keep[:, None], change, 0)
        s["pairs"][rows, slots + slot] = torch.where(keep[:, None], bend, 0)
        products = torch.bmm(s["pairs"], torch.stack([change, bend, gradient], 2)).to(_precise(change))
        with_s, with_y = products[:, :slots], products[:, slots:]
        s["sy"][rows, slot] = with_y[..., 0]
        s["sy"][rows, :, slot] = with_s[..., 1]
        s["yy"][rows, slot] = with_y[..., 1]
        s["yy"][rows, :, slot] = with_y[..., 1]
        s["age"][rows, slot] = torch.where(keep, s["age"].amax(1) + 1, -1)
        s["scale"] = torch.where(keep, (curvature / norm.clamp_min(1e-38)).to(s["scale"]), s["scale"])
        return products[..., 2]

    def _direction(self, gradient: Tensor, products: Tensor) -> Tensor:
        """Minus the inverse Hessian times the gradient, for every item."""
        s, m = self.state, self.history
        age, order = s["age"][:, :-1].sort(1)
        held = (age >= 0).to(s["scale"])
        both = held[:, :, None] * held[:, None]
        square = order[:, :, None].expand(-1, -1, m)
        sy, yy = ((s[name][:, :-1, :-1].gather(1, square).gather(2, square.mT) * both) for name in ("sy", "yy"))
        s_g, y_g = (products[:, at : at + m].gather(1, order) * held for at in (0, m + 1))
        scale = s["scale"][:, None]
        upper = sy.triu() + torch.diag_embed(1 - held)
        u = torch.linalg.solve_triangular(upper, s_g[..., None], upper=True)
        middle = (torch.diag_embed(sy.diagonal(dim1=1, dim2=2)) + scale[..., None] * yy) @ u - scale[..., None] * y_g[
            ..., None
        ]
        on_s = torch.linalg.solve_triangular(upper.mT, middle, upper=False)[..., 0]
        weights = torch.zeros_like(products)
        weights[:, :m].scatter_(1, order, on_s * held)
        weights[:, m + 1 : -1].scatter_(1, order, -scale * u[..., 0] * held)
        bent = torch.bmm(weights[:, None].to(gradient.dtype), s["pairs"])[:, 0] + scale.to(gradient.dtype) * gradient
        empty = held.sum(1) == 0
        bent = torch.where(empty[:, None], first_step(gradient, self.step), bent)
        downhill = (bent * gradient).sum(1) > 0
        return -torch.where(downhill[:, None], bent, first_step(gradient, self.step))

    def _bracket(self, loss: Tensor, slope: Tensor, decreased: Tensor, accepted: Tensor) -> None:
        """The next step along the direction: 1 after an accepted one, else inside the bracket."""
        s = self.state
        step = s["step"]
        s["low"] = torch.where(decreased, step, s["low"])
        s["high"] = torch.where(decreased, s["high"], step)
        # The minimum of the parabola through both losses and the slope, kept away from the ends.
        parabola = -slope * step / (2 * (loss - s["loss"] - slope))
        parabola = torch.where(torch.isfinite(parabola), parabola, 0.1 * step)
        shorter = torch.where(
            s["low"] > 0, (s["low"] + s["high"]) / 2, torch.minimum(parabola.maximum(0.1 * step), 0.5 * step)
        )
        longer = torch.where(torch.isfinite(s["high"]), (s["low"] + s["high"]) / 2, 2.5 * step)
        s["step"] = torch.where(accepted, 1.0, torch.where(decreased, longer, shorter))
        s["tries"] = torch.where(accepted, 0, s["tries"] + 1)
        s["low"] = torch.where(accepted, 0.0, s["low"])
        s["high"] = torch.where(accepted, torch.inf, s["high"])

    def _restart(self) -> None:
        """Forget the history of an item whose line search found nothing, and go down its gradient in small steps."""
        s = self.state
        lost = s["tries"] >= TRIES
        downhill = -first_step(s["gradient"], self.step * 0.1)
        s["direction"] = torch.where(lost[:, None], downhill, s["direction"])
        s["age"] = torch.where(lost[:, None], -1, s["age"])
        s["step"] = torch.where(lost, 1.0, s["step"])
        s["low"] = torch.where(lost, 0.0, s["low"])
        s["high"] = torch.where(lost, torch.inf, s["high"])
        s["tries"] = torch.where(lost, 0, s["tries"])


def _precise(like: Tensor) -> torch.dtype:
    # The small systems are solved in double precision where the device has it.
    return torch.float32 if like.device.type == "mps" else torch.float64
