"""The best state of each item so far, and whether it is at its target."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from synthstim.optimise.evaluate import Evaluation, Evaluator

# A step that leads beyond the target of a controller is halved this often: one may go from nothing to many times it.
LANDING = 8


@dataclass
class Bests:
    """What is kept of the items in work, an entry an item.

    Attributes:
        latents: (batch, latent) of the best state.
        below: (batch, latent) of the last one below the target.
        scores: (batch,) of the best state.
        there: (batch,) whether it is at the target, as far as the floating-point stimulus says.
        still: (batch,) whether its units never had a gradient.
    """

    latents: Tensor
    below: Tensor
    scores: Tensor
    there: Tensor
    still: Tensor

    @classmethod
    def before(cls, latents: Tensor) -> Bests:
        """Of latents (batch, latent) that are not evaluated yet."""
        scores = torch.full_like(latents[:, 0], -torch.inf)
        there = torch.zeros_like(scores, dtype=torch.bool)
        return cls(latents.clone(), latents.clone(), scores, there, torch.ones_like(there))

    def select(self, rows: Tensor) -> None:
        """Go on with some of the items."""
        for name, values in vars(self).items():
            setattr(self, name, values[rows])

    def begin_at_rest(self) -> None:
        """Forget scores under movement: the first still images follow."""
        self.scores = torch.full_like(self.scores, -torch.inf)
        self.there = torch.zeros_like(self.there)

    def keep(self, latents: Tensor, now: Evaluation, target: float | None, *, moving: bool, together: bool) -> None:
        """Take in an evaluation.

        Args:
            latents: (batch, latent) that were evaluated.
            now: what was found.
            target: to reach, if any.
            moving: whether stimuli were moved; a score is luck then, and the latest state stands.
            together: whether items look at one another, and go on beyond their targets.
        """
        better = torch.ones_like(self.there) if moving else now.scores > self.scores
        if target is not None:
            # The first state at the target is wanted, not one beyond it.
            arrived = now.aims >= target
            if not moving:
                self.below = torch.where((arrived | self.there)[:, None], self.below, latents)
            better = better if together else (better | arrived) & ~self.there
            self.there = torch.where(better, arrived, self.there)
        self.scores = torch.where(better, now.scores, self.scores)
        self.latents = torch.where(better[:, None], latents, self.latents)

    def arrived(self, evaluator: Evaluator, target: float | None, levels: int | None, *, moving: bool) -> list[bool]:
        """Which items are at the target: their file must be there, not only the floating-point stimulus, and at rest.

        Scores of those become scores at rest; of controllers, states beyond the target move back to it.
        """
        candidates = [row for row, ready in enumerate(self.there.tolist()) if moving or ready]
        if target is None or not candidates:
            return [False] * len(self.there)
        scorer = evaluator.scorer
        _, aims = evaluator.judge(self.latents[candidates], scorer.select(torch.tensor(candidates)), levels)
        if moving:
            below = torch.where((aims < target)[:, None], self.latents[candidates], self.below[candidates])
            self.below[candidates] = below
        rows = [row for row, aim in zip(candidates, aims.tolist(), strict=True) if aim >= target]
        reached = torch.zeros_like(self.there)
        reached[rows] = True
        self.there &= reached
        lands = scorer.controls and not scorer.coupled
        if rows and lands:
            self.latents[rows] = self._landed(evaluator, rows, target, levels)
        if rows and (moving or lands):
            # Of all of them, since items may look at one another.
            scores, _ = evaluator.judge(self.latents, scorer, None)
            self.scores[rows] = scores[rows]
        return reached.tolist()

    def _landed(self, evaluator: Evaluator, rows: list[int], target: float, levels: int | None) -> Tensor:
        """States at the target, between the last ones below it and those that stepped beyond."""
        scorer = evaluator.scorer.select(torch.tensor(rows))
        low, high = self.below[rows], self.latents[rows]
        for _ in range(LANDING):
            middle = (low + high) / 2
            _, aims = evaluator.judge(middle, scorer, levels)
            beyond = (aims >= target)[:, None]
            low, high = torch.where(beyond, low, middle), torch.where(beyond, middle, high)
        return high
