"""The loop: a batch of independent items, one forward and one backward pass an evaluation."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from synthstim.constraints import Constraint, check_all
from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.objectives import Objective
from synthstim.optimise.ascent import Adam
from synthstim.optimise.base import Optimiser
from synthstim.optimise.evaluate import Evaluator
from synthstim.optimise.stopping import Stopping
from synthstim.parametrise import Parametrisation, noise
from synthstim.robustness import Robustness

SYNC = 10


@dataclass(frozen=True)
class Progress:
    """Where a batch stands: yielded every few evaluations.

    Attributes:
        evaluations: spent on each running item.
        running: items that have not stopped.
        best: best score of each item so far.
        message: something the user should know (memory ran out, ...), or "".
    """

    evaluations: int
    running: int
    best: list[float]
    message: str = ""


@dataclass(frozen=True)
class Synthesis:
    """What came of a batch.

    Attributes:
        stimuli: (batch, *shape) display values in [0, 1] or full scale, each item's best, on the CPU.
        latents: (batch, ...) behind them.
        scores: best score of each item.
        evaluations: forward and backward passes each item took.
        converged: whether a target or a plateau ended it, not a budget.
        curves: for each item, (evaluations, best score) at every few evaluations.
    """

    stimuli: Tensor
    latents: Tensor
    scores: list[float]
    evaluations: list[int]
    converged: list[bool]
    curves: list[list[tuple[int, float]]] = field(repr=False)


class Synthesiser:
    """Optimises a batch of items; iterate over it for progress, then take ``result()``.

    Args:
        observer: the model to synthesise on.
        objective: what to maximise.
        parametrisation: latents behind the stimuli.
        seeds: one for each item; an item's seed alone decides its noise and its jitter.
        start: ``pink`` or ``white`` noise, stimuli (batch, *shape), or ready latents with ``latents=True``.
        optimiser: by default Adam with a cosine schedule.
        stopping: target, plateau and budgets, per item.
        constraints: projections applied to every stimulus, in order.
        robustness: random movement before each evaluation.
        levels: round stimuli to this many steps (255 for 8 bits) with gradients passed straight through.
        file_levels: steps of the file that will hold the stimulus, which must reach the target too; None for a file
            whose rounding a model cannot tell.

    Raises:
        InputError: anything that cannot work is said here, before the first evaluation.

    Example:
        >>> observer = load_model("efficientnet-lite0")                                         # doctest: +SKIP
        >>> run = Synthesiser(observer, drive(Unit(layer="blocks.4", channel=42)),
        ...                   Fourier(observer.input.shape), seeds=[1, 2, 3])                    # doctest: +SKIP
        >>> images = run.result().stimuli                                                       # doctest: +SKIP
    """

    def __init__(
        self,
        observer: Observer,
        objective: Objective,
        parametrisation: Parametrisation,
        *,
        seeds: Sequence[int],
        start: str | Tensor = "pink",
        latents: bool = False,
        optimiser: Optimiser | None = None,
        stopping: Stopping | None = None,
        constraints: Sequence[Constraint] = (),
        robustness: Robustness | None = None,
        levels: int | None = None,
        file_levels: int | None = 255,
    ) -> None:
        if not seeds:
            raise InputError("no seed came: give one for each item")
        if tuple(parametrisation.shape) != observer.input.shape:
            raise InputError(
                f"the parametrisation makes {parametrisation.shape}, {observer.name} is {observer.input.verb} {observer.input.shape}"
            )
        if robustness is not None and observer.input.modality != "image":
            raise InputError(f"robustness moves images, {observer.name} is {observer.input.verb} sounds: leave it out")
        self.optimiser = optimiser or Adam()
        self.stopping = stopping or Stopping()
        if robustness is not None and not self.optimiser.stochastic:
            raise InputError(
                f"{self.optimiser} needs the same score for the same stimulus: with robustness, choose adam"
            )
        check_all(constraints, parametrisation.shape)
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.scorer = objective.bind(observer, len(seeds))
        self.file_levels = file_levels
        self.evaluator = Evaluator(observer, self.scorer, parametrisation, constraints, robustness, levels)
        first = self._first(start, latents).to(observer.dtype).to(observer.device)
        self.latents = first.flatten(1).contiguous()
        self.best_latents = self.latents.clone()
        self.best = torch.full((len(seeds),), -torch.inf, device=observer.device, dtype=observer.dtype)
        self.optimiser.start(self.latents)
        # Items still running, by their number in the whole batch; what is finished lies in `finished`.
        self.running = list(range(len(seeds)))
        self.finished: dict[int, tuple[Tensor, float, int, bool]] = {}
        self.curves: list[list[tuple[int, float]]] = [[] for _ in seeds]
        self.spent = 0
        self.elapsed = 0.0

    def __iter__(self) -> Iterator[Progress]:
        while self.running:
            before = time.monotonic()
            message = self._evaluate_some()
            best = self.best.tolist()  # waits for the device, so that the time is the device's too
            self.elapsed += time.monotonic() - before
            self._stop_some(best)
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
            evaluations=[count for *_, count, _ in kept],
            converged=[converged for *_, converged in kept],
            curves=self.curves,
        )

    def _first(self, start: str | Tensor, latents: bool) -> Tensor:
        parametrisation = self.evaluator.parametrisation
        if isinstance(start, str):
            # One by one, so that an item starts from the very same latents whoever shares the batch.
            shape = parametrisation.shape
            return torch.cat([parametrisation.invert(noise(start, shape, [own])) for own in self.generators])
        if start.shape[0] not in (1, len(self.generators)):
            raise InputError(
                f"{start.shape[0]} starts came for {len(self.generators)} items: give one for all or one for each"
            )
        wanted = parametrisation.latent_shape if latents else parametrisation.shape
        if tuple(start.shape[1:]) != tuple(wanted) or not torch.isfinite(start).all():
            raise InputError(f"the start is {tuple(start.shape[1:])}: wanted {tuple(wanted)}, all finite")
        start = start.expand(len(self.generators), *start.shape[1:])
        return start if latents else parametrisation.invert(start)

    def _evaluate_some(self) -> str:
        """Run up to the next synchronisation with the host."""
        message = ""
        for _ in range(min(SYNC, self.stopping.evaluations - self.spent)):
            fraction = self.spent / self.stopping.evaluations
            scores, gradient, note = self.evaluator(self.latents, self.generators, fraction)
            message = note or message
            self.spent += 1
            self._keep_best(scores, fraction)
            loss, slope = _as_loss(scores, gradient, self.scorer.decibels and self.optimiser.squared)
            proposed = self.optimiser.advance(self.latents, loss, slope, fraction)
            self.latents = self.evaluator.project(proposed)
        return message

    def _keep_best(self, scores: Tensor, fraction: float) -> None:
        if self.evaluator.moving(fraction):
            # A score under jitter is luck: the latest state stands until the images are still.
            self.best, self.best_latents = scores, self.latents
            return
        if self.spent > 1 and self.evaluator.moving((self.spent - 2) / self.stopping.evaluations):
            # The first still images.
            self.best = torch.full_like(self.best, -torch.inf)
        better = scores > self.best
        self.best = torch.where(better, scores, self.best)
        self.best_latents = torch.where(better[:, None], self.latents, self.best_latents)

    def _stop_some(self, best: list[float]) -> None:
        """Take out the items that have stopped, given the best score of each, and go on with the rest."""
        for item, score in zip(self.running, best, strict=True):
            if self.spent <= SYNC and not score > -float("inf"):
                raise InputError(f"item {item} has no finite score at its start: the model or its input gives NaN")
            self.curves[item].append((self.spent, score))
        reached = self._reached(best)
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
                self.finished[item] = (self.best_latents[row].clone(), best[row], self.spent, converged[row])
        self._go_on_with([row for row, stopped in enumerate(done) if not stopped])

    def _reached(self, best: list[float]) -> list[bool]:
        """Which items are at the target; the file must be there, not only the floating-point stimulus."""
        target = self.stopping.target
        if target is None or self.evaluator.moving(self.spent / self.stopping.evaluations):
            return [False] * len(best)
        reached = [score >= target for score in best]
        if any(reached):
            # Items that look at one another are scored together.
            rows = [row for row, ready in enumerate(reached) if ready or self.scorer.coupled]
            scorer = self.scorer.select(torch.tensor(rows))
            rounded = self.evaluator.rounded_scores(self.best_latents[rows], scorer, self.file_levels)
            for row, score in zip(rows, rounded, strict=True):
                reached[row] = reached[row] and score >= target
        return reached

    def _go_on_with(self, rows: list[int]) -> None:
        if len(rows) == len(self.running):
            return
        keep = torch.tensor(rows, dtype=torch.long, device=self.latents.device)
        self.running = [self.running[row] for row in rows]
        self.generators = [self.generators[row] for row in rows]
        self.latents, self.best_latents, self.best = self.latents[keep], self.best_latents[keep], self.best[keep]
        self.optimiser.state = {name: value[keep.to(value.device)] for name, value in self.optimiser.state.items()}
        self.scorer = self.evaluator.scorer = self.scorer.select(keep)


def _as_loss(scores: Tensor, gradient: Tensor, squared: bool) -> tuple[Tensor, Tensor]:
    """Minus the score, or the squared error 10^(-score/10) behind a match in dB, with its gradient."""
    if not squared:
        return -scores, -gradient
    error = 10 ** (-scores / 10)
    return error, gradient * (-0.1 * 2.302585092994046 * error)[:, None]
