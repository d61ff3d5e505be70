"""One job: its phases one after the other, each from where the one before ended."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Protocol

import torch

from synthstim.constraints import as_kept
from synthstim.goals import GOALS
from synthstim.optimise import Synthesiser
from synthstim.parametrise import Invertible
from synthstim.production.jobs import Job, objective_of
from synthstim.production.tracker import Tracker
from synthstim.production.work_directory import Made
from synthstim.verify import Measurer


class Checkpoints(Protocol):
    """What keeps a job that is interrupted."""

    def restore(self, job: int, phase: int, synthesiser: Synthesiser) -> None:
        """Put a running phase where its checkpoint stands, if there is one."""

    def maybe_save(self, job: int, phase: int, synthesiser: Synthesiser) -> None:
        """Write a checkpoint if it is time to."""

    def save_made(self, job: int, made: Made) -> None:
        """Keep what finished phases made."""


class NoCheckpoints:
    """Keeps nothing: a job that is interrupted begins again."""

    def restore(self, job: int, phase: int, synthesiser: Synthesiser) -> None:
        """Do nothing."""

    def maybe_save(self, job: int, phase: int, synthesiser: Synthesiser) -> None:
        """Do nothing."""

    def save_made(self, job: int, made: Made) -> None:
        """Do nothing."""


def run_job(number: int, job: Job, made: Made | None, measurer: Measurer, work: Checkpoints, tracker: Tracker) -> Made:
    """Run the phases of a job that are still to come.

    Args:
        made: what finished phases made of it, if any.
        work: keeps it after each phase, and now and then in between.
    """
    if made is None and not job.phases:
        made = _solved(job, measurer)
        work.save_made(number, made)
    for index in range(made.phases if made else 0, len(job.phases)):
        made = _run_phase(number, job, index, made, measurer, work, tracker)
        work.save_made(number, made)
    assert made is not None
    return made


def _solved(job: Job, measurer: Measurer) -> Made:
    """The stimuli of a goal that makes them itself."""
    entry, count = job.items[0].entry, len(job.items)
    assert job.references is not None
    stimuli = GOALS[entry.goal].solve(entry, job.aims, measurer, job.references)
    nothing: list[list[tuple[int, float]]] = [[] for _ in job.items]
    return Made(
        stimuli.float(), [0.0] * count, [0] * count, [True] * count, [False] * count, nothing, [[] for _ in job.items]
    )


def kept(made: Made, job: Job) -> Made:
    """What a job made, as its constraints have it in a file."""
    made.stimuli = as_kept(made.stimuli, job.constraints)
    return made


def _run_phase(
    number: int,
    job: Job,
    index: int,
    made: Made | None,
    measurer: Measurer,
    work: Checkpoints,
    tracker: Tracker,
) -> Made:
    phase, observer = job.phases[index], measurer.observer
    left = None if phase.stopping.seconds is None else phase.stopping.seconds - (made.seconds if made else 0.0)
    # What has reached its target, has no time left, or is not for this phase, is left as it is.
    rows = [
        row
        for row in range(len(job.items))
        if made is None or (not made.converged[row] and phase.takes(made.scores[row]) and (left is None or left > 0))
    ]
    if not rows:
        assert made is not None
        made.phases = index + 1
        return made
    seeds = [job.items[row].seed for row in rows]
    modality = observer.input.modality
    start = phase.start if phase.start is not None or made is None else made.stimuli[rows]
    if isinstance(start, str) and start in modality.shaped_starts:
        assert job.references is not None
        like = observer.noise_like or partial(modality.shaped, start)
        start = like(job.references[rows].cpu(), [torch.Generator().manual_seed(seed) for seed in seeds])
    synthesiser = Synthesiser(
        observer,
        objective_of(job, rows, measurer),
        phase.parametrisation,
        seeds=seeds,
        start=start,
        optimiser=phase.optimiser(),
        stopping=replace(phase.stopping, seconds=left),
        constraints=job.constraints,
        robustness=phase.robustness,
        levels=phase.levels,
        file_levels=modality.levels(job.items[0].entry.bits),
    )
    work.restore(number, index, synthesiser)
    for progress in synthesiser:
        tracker.step(job, index, progress.evaluations, progress.best, progress.message)
        work.maybe_save(number, index, synthesiser)
    return _joined(made, rows, synthesiser, index)


def _joined(made: Made | None, rows: list[int], synthesiser: Synthesiser, index: int) -> Made:
    """The results of all phases up to now."""
    result = synthesiser.result()
    invertible = isinstance(synthesiser.evaluator.parametrisation, Invertible)
    if made is None:
        taken = [[index] for _ in rows]
        return Made(
            result.stimuli.float(), result.scores, result.evaluations, result.converged, result.still, result.curves,
            taken, index + 1, synthesiser.elapsed, None if invertible else result.latents,
        )  # fmt: skip
    made.stimuli[rows] = result.stimuli.float()
    for at, row in enumerate(rows):
        before = made.evaluations[row]
        made.curves[row] += [(before + step, score) for step, score in result.curves[at]]
        made.evaluations[row] += result.evaluations[at]
        made.scores[row], made.converged[row] = result.scores[at], result.converged[at]
        made.still[row] &= result.still[at]
        made.taken[row].append(index)
    made.phases = index + 1
    made.seconds += synthesiser.elapsed
    return made
