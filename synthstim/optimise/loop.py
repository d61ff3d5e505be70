"""The loop: a batch of independent items, one forward and one backward pass an evaluation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from synthstim.constraints import Constraint, check_all
from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.objectives import Objective
from synthstim.optimise.ascent import Adam
from synthstim.optimise.base import Optimiser
from synthstim.optimise.bests import Bests
from synthstim.optimise.defaults import usual
from synthstim.optimise.evaluate import Evaluation, Evaluator
from synthstim.optimise.exchange import Looking
from synthstim.optimise.stopping import Stopping
from synthstim.optimise.synthesis import Progress, Synthesis
from synthstim.parametrise import Parametrisation, first_latents, latents_of
from synthstim.robustness import Robustness

SYNC = 10
# Of the budget, at the start: the time in which units that do not respond may be woken.
WAKING = 0.5
# Candidates that are scored together.
TOGETHER = 2048


class Synthesiser:
    """Optimises a batch of items; iterate over it for progress, then take ``result()``.

    Args:
        observer: the model to synthesise on.
        objective: what to maximise.
        parametrisation: latents behind the stimuli; None takes those of the study (``optimise.defaults``).
        seeds: one for each item; an item's seed alone decides its noise and its jitter.
        start: noise by its name, by default the first of the modality's, stimuli (batch, *shape), or ready latents with ``latents=True``.
        optimiser: None takes that of the study: of images L-BFGS to match and Adam to control, of sounds Adam.
        stopping: target, plateau and budgets, per item.
        constraints: projections applied to every stimulus, in order.
        robustness: random movement before each evaluation.
        levels: round stimuli to this many steps (255 for 8 bits) with gradients passed straight through.
        file_levels: steps of the file that will hold the stimulus, which must reach the target too; None for a file
            whose rounding a model cannot tell.

    Raises:
        InputError: anything that cannot work is said here, before the first evaluation.

    Example:
        >>> run = Synthesiser(observer, drive(Unit(layer="blocks.4", channel=42)),
        ...                   seeds=[1, 2, 3], stopping=Stopping(evaluations=3))
        >>> run.result().stimuli.shape
        torch.Size([3, 3, 64, 64])
    """

    def __init__(
        self,
        observer: Observer,
        objective: Objective,
        parametrisation: Parametrisation | None = None,
        *,
        seeds: Sequence[int],
        start: str | Tensor | None = None,
        latents: bool = False,
        optimiser: Optimiser | None = None,
        stopping: Stopping | None = None,
        constraints: Sequence[Constraint] = (),
        robustness: Robustness | None = None,
        levels: int | None = None,
        file_levels: int | None = 255,
    ) -> None:
        if not seeds:
            raise InputError("no seed given", "give one for each item")
        self.scorer = objective.bind(observer, len(seeds))
        if parametrisation is None or optimiser is None:
            searched, climb = usual(observer, matching=self.scorer.decibels)
            parametrisation = parametrisation or searched
            # A match that moves at random has no fixed loss, which L-BFGS needs.
            optimiser = optimiser or (Adam() if robustness is not None else climb)
        if tuple(parametrisation.shape) != observer.input.shape:
            raise InputError(
                f"the parametrisation makes {parametrisation.shape}, {observer.name} is {observer.input.verb} {observer.input.shape}"
            )
        if robustness is not None:
            if "robustness" not in observer.input.modality.settings:
                raise InputError(
                    f"robustness moves images, {observer.name} {observer.input.modality.is_given}", "leave it out"
                )
            robustness.check(observer.input.shape[1:])
        self.optimiser = optimiser
        self.stopping = stopping or Stopping()
        if robustness is not None and not self.optimiser.stochastic:
            raise InputError(
                f"{self.optimiser} needs the same score for the same stimulus: with robustness, choose adam"
            )
        check_all(constraints, parametrisation.shape, observer.input.modality)
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        observer.require_gradient(self.scorer.layers)
        self.file_levels = file_levels
        self.evaluator = Evaluator(observer, self.scorer, parametrisation, constraints, robustness, levels)
        first = self._first(start, latents).to(observer.dtype).to(observer.device)
        self.latents = first.flatten(1).contiguous()
        self.bests = Bests.before(self.latents)
        self.waking = self.scorer.controls
        self.optimiser.start(self.latents)
        # Items still running, by their number in the whole batch; what is finished lies in `finished`.
        self.running = list(range(len(seeds)))
        self.finished: dict[int, tuple[Tensor, float, int, bool, bool]] = {}
        self.curves: list[list[tuple[int, float]]] = [[] for _ in seeds]
        self.spent = 0
        self.elapsed = 0.0

    def __iter__(self) -> Iterator[Progress]:
        while self.running:
            before = time.monotonic()
            message = self._evaluate_some()
            self.bests.scores.tolist()  # waits for the device, so that the time is the device's too
            self.elapsed += time.monotonic() - before
            self._stop_some()
            yield Progress(self.spent, len(self.running), [curve[-1][1] for curve in self.curves], message)

    def result(self) -> Synthesis:
        """Run to the end, if not yet there, and return every item's best."""
        for _ in self:
            pass
        kept = [self.finished[item] for item in range(len(self.curves))]
        flat = torch.stack([latents for latents, *_ in kept])
        parametrisation = self.evaluator.parametrisation
        return Synthesis(
            stimuli=self.evaluator.render(flat).cpu(),
            latents=flat.view(-1, *parametrisation.latent_shape).cpu(),
            scores=[score for _, score, *_ in kept],
            evaluations=[count for _, _, count, *_ in kept],
            converged=[converged for *_, converged, _ in kept],
            still=[still for *_, still in kept],
            curves=self.curves,
        )

    def _first(self, start: str | Tensor | None, latents: bool) -> Tensor:
        parametrisation = self.evaluator.parametrisation
        if start is None or isinstance(start, str):
            modality = self.evaluator.observer.input.modality
            return first_latents(parametrisation, start or modality.starts[0], modality, self.generators)
        if start.shape[0] not in (1, len(self.generators)):
            raise InputError(
                f"{start.shape[0]} starts given for {len(self.generators)} items", "give one for all or one for each"
            )
        wanted = parametrisation.latent_shape if latents else parametrisation.shape
        if tuple(start.shape[1:]) != tuple(wanted) or not torch.isfinite(start).all():
            raise InputError(f"the start is {tuple(start.shape[1:])}; expected {tuple(wanted)}, all finite")
        start = start.expand(len(self.generators), *start.shape[1:])
        return start if latents else latents_of(parametrisation, start)

    def _evaluate_some(self) -> str:
        """Run up to the next synchronisation with the host."""
        message = ""
        for _ in range(SYNC):
            if self.spent >= self.stopping.evaluations:
                break
            fraction = self.spent / self.stopping.evaluations
            waking = self.waking and fraction < WAKING
            now, note = self.evaluator(self.latents, self.generators, fraction, wake=waking)
            message = note or message
            self.spent += 1
            self._keep(now, fraction)
            if waking:
                self.waking = bool(now.asleep.any())
                self.optimiser.disregard(now.asleep)
            loss, slope = _as_loss(now.scores, now.gradient, self.scorer.decibels and self.optimiser.squared)
            self.latents = self.evaluator.project(self._proposed(loss, slope, fraction))
        at_rest = ~(now.gradient != 0).any(1) | now.still
        self.bests.still &= at_rest
        self.waking |= self.scorer.controls and bool(at_rest.any())
        return message

    def _proposed(self, loss: Tensor, slope: Tensor, fraction: float) -> Tensor:
        """Where to evaluate next."""
        if not isinstance(self.optimiser, Looking):
            return self.optimiser.advance(self.latents, loss, slope, fraction)
        proposed, looked = self.optimiser.look(self.latents, self._score_of)
        self.spent += looked
        return proposed

    def _score_of(self, row: int, candidates: Tensor) -> Tensor:
        """Scores (candidate,) of latents (candidate, latent) for one of the items in work."""
        parts = candidates.split(TOGETHER)
        scorers = (self.scorer.select(torch.full((len(part),), row)) for part in parts)
        judged = (self.evaluator.judge(part, scorer, None) for part, scorer in zip(parts, scorers, strict=True))
        return torch.cat([scores for scores, _ in judged])

    def _keep(self, now: Evaluation, fraction: float) -> None:
        moving, target = self.evaluator.moving(fraction), self.stopping.target
        if not moving and self.spent > 1 and self.evaluator.moving((self.spent - 2) / self.stopping.evaluations):
            self.bests.begin_at_rest()
        self.bests.keep(self.latents, now, target, moving=moving, together=self.scorer.coupled)

    def _stop_some(self) -> None:
        """Take out the items that have stopped, and go on with the rest."""
        moved = self.evaluator.moving((self.spent - 1) / self.stopping.evaluations)
        reached = self.bests.arrived(self.evaluator, self.stopping.target, self.file_levels, moving=moved)
        best, still = self.bests.scores.tolist(), self.bests.still.tolist()
        for item, score in zip(self.running, best, strict=True):
            if self.spent <= SYNC and not score > -float("inf"):
                raise InputError(
                    f"item {item} has no finite score at its start: the model, its input or a weight of the objective "
                    "gives NaN or infinity"
                )
            self.curves[item].append((self.spent, score))
        out = self.spent >= self.stopping.evaluations or self.elapsed >= (self.stopping.seconds or float("inf"))
        moving = self.evaluator.moving(self.spent / self.stopping.evaluations)
        done, converged = [], []
        for item, ready in zip(self.running, reached, strict=True):
            steps, scores = zip(*self.curves[item], strict=True)
            settled = ready or (not moving and self.stopping.flat(list(steps), list(scores)))
            done.append(settled or out)
            converged.append(settled)
        if self.scorer.coupled and not all(done):
            return
        for row, item in enumerate(self.running):
            if done[row]:
                kept = self.bests.latents[row].clone()
                self.finished[item] = (kept, best[row], self.spent, converged[row], still[row])
        self._go_on_with([row for row, stopped in enumerate(done) if not stopped])

    def _go_on_with(self, rows: list[int]) -> None:
        if len(rows) == len(self.running):
            return
        keep = torch.tensor(rows, dtype=torch.long, device=self.latents.device)
        self.running = [self.running[row] for row in rows]
        self.generators = [self.generators[row] for row in rows]
        self.latents = self.latents[keep]
        self.bests.select(keep)
        self.optimiser.state = {name: value[keep.to(value.device)] for name, value in self.optimiser.state.items()}
        self.scorer = self.evaluator.scorer = self.scorer.select(keep)


def _as_loss(scores: Tensor, gradient: Tensor, squared: bool) -> tuple[Tensor, Tensor]:
    """Minus the score, or the squared error 10^(-score/10) behind a match in dB, with its gradient."""
    if not squared:
        return -scores, -gradient
    error = 10 ** (-scores / 10)
    return error, gradient * (-0.1 * 2.302585092994046 * error)[:, None]
