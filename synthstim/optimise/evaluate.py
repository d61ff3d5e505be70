"""One evaluation: latents -> stimuli -> activations -> scores, and back to a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from synthstim.constraints import Constraint, project_all
from synthstim.models import Observer
from synthstim.objectives import Scorer
from synthstim.optimise.waking import waking
from synthstim.parametrise import Parametrisation
from synthstim.robustness import Robustness


class Evaluation(NamedTuple):
    """What an evaluation found, an entry an item.

    Attributes:
        scores: (batch,).
        gradient: (batch, latent) of each item's score; of items asleep, what leads to a unit that responds.
        aims: (batch,) what a target is compared with.
        still: (batch,) whether nothing that is wanted of its units has a gradient.
        asleep: (batch,) whether its units are to be woken first.
    """

    scores: Tensor
    gradient: Tensor
    aims: Tensor
    still: Tensor
    asleep: Tensor


class Evaluator:
    """Scores a batch of flat latents and differentiates each item's score with respect to its own latents.

    When memory runs out the batch is evaluated in halves from then on; scores are per item, so nothing else changes.
    """

    def __init__(
        self,
        observer: Observer,
        scorer: Scorer,
        parametrisation: Parametrisation,
        constraints: Sequence[Constraint] = (),
        robustness: Robustness | None = None,
        levels: int | None = None,
    ) -> None:
        self.observer = observer
        self.scorer = scorer
        self.parametrisation = parametrisation
        self.constraints = tuple(constraints)
        self.robustness = robustness
        self.levels = levels
        self.at_once: int | None = None

    def __call__(
        self, latents: Tensor, generators: Sequence[torch.Generator], fraction: float, *, wake: bool = False
    ) -> tuple[Evaluation, str]:
        """Evaluate a batch of flat latents; return a message too, which is "" unless memory ran out.

        Args:
            wake: look for units that are shut off, and for a way to them.
        """
        message = ""
        while True:
            # Drawn again after a failure, so the states of the generators are put back.
            states = [generator.get_state() for generator in generators] if self.moving(fraction) else []
            try:
                return self._in_parts(latents, generators, fraction, wake), message
            except RuntimeError as error:
                size = self.at_once or len(latents)
                if not _out_of_memory(error) or size == 1 or self.scorer.coupled:
                    raise
                self.at_once = (size + 1) // 2
                message = f"memory ran out with {size} items at once: going on with {self.at_once}"
            for generator, state in zip(generators, states, strict=False):
                generator.set_state(state)

    def _in_parts(
        self, latents: Tensor, generators: Sequence[torch.Generator], fraction: float, wake: bool
    ) -> Evaluation:
        size = self.at_once or len(latents)
        if size >= len(latents):
            return self._once(latents, self.scorer, generators, fraction, wake)
        parts = []
        for at in range(0, len(latents), size):
            part = slice(at, at + size)
            parts.append(self._once(latents[part], self.scorer.select(part), generators[part], fraction, wake))
        return Evaluation(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def _once(
        self, latents: Tensor, scorer: Scorer, generators: Sequence[torch.Generator], fraction: float, wake: bool
    ) -> Evaluation:
        leaf = latents.detach().view(-1, *self.parametrisation.latent_shape).requires_grad_()
        stimuli = self._stimuli(leaf)
        seen = stimuli
        if self.robustness is not None and self.moving(fraction):
            seen = self.robustness.move(stimuli, generators, fraction)
        read = self.observer.activations(seen, scorer.layers, through=scorer.through)
        scores = scorer(stimuli, read)
        # Most often they are the same.
        aims = scores if scorer.aim in (None, scorer.function) else scorer.aims(stimuli, read)
        (gradient,) = torch.autograd.grad(scores.sum(), leaf, retain_graph=wake)
        still = asleep = torch.zeros(len(latents), dtype=torch.bool, device=latents.device)
        if wake:
            still, asleep, way = waking(aims, list(read.values()), leaf)
            gradient = torch.where(asleep.view(-1, *[1] * (gradient.ndim - 1)), way, gradient)
        return Evaluation(scores.detach(), gradient.flatten(1), aims.detach(), still, asleep)

    def _stimuli(self, latents: Tensor) -> Tensor:
        stimuli = self.parametrisation.render(latents)
        if self.constraints:
            stimuli = project_all(self.constraints, stimuli)
        return _round(stimuli, self.levels) if self.levels else stimuli

    def render(self, latents: Tensor) -> Tensor:
        """Stimuli of flat latents, without gradients."""
        with torch.no_grad():
            return self._stimuli(latents.view(-1, *self.parametrisation.latent_shape))

    def project(self, latents: Tensor) -> Tensor:
        """Keep flat latents where they render in range."""
        return self.parametrisation.project(latents.view(-1, *self.parametrisation.latent_shape)).flatten(1)

    def judge(self, latents: Tensor, scorer: Scorer, levels: int | None) -> tuple[Tensor, Tensor]:
        """Scores (batch,) and what a target is compared with (batch,), of stimuli at rest, rounded to a file's levels if any."""
        scores, aims = [], []
        with torch.no_grad():
            for at in range(0, len(latents), self.at_once or len(latents)):
                part = slice(at, at + (self.at_once or len(latents)))
                stimuli = self.render(latents[part])
                stimuli = _round(stimuli, levels) if levels else stimuli
                read, chosen = self.observer.activations(stimuli, scorer.layers), scorer.select(part)
                scores.append(chosen(stimuli, read))
                aims.append(chosen.aims(stimuli, read))
        return torch.cat(scores), torch.cat(aims)

    def moving(self, fraction: float) -> bool:
        """Whether stimuli are moved at random when this fraction of the budget is spent."""
        return self.robustness is not None and self.robustness.moving(fraction)


def _round(stimuli: Tensor, levels: int) -> Tensor:
    """Round to a file's levels; the gradient passes straight through."""
    return stimuli + (torch.round(stimuli.detach() * levels) / levels - stimuli.detach())


def _out_of_memory(error: RuntimeError) -> bool:
    # Only CUDA has a class of its own for it; the others say it in words.
    told = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.cuda.OutOfMemoryError) or any(words in str(error) for words in told)
