"""Making a set: jobs are synthesised one after the other, the files measured, the set renamed into place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from synthstim.constraints import as_kept
from synthstim.encoding import Fit
from synthstim.errors import InputError
from synthstim.files import require_new_folder
from synthstim.models import Observer
from synthstim.observers import check_device, open_observer
from synthstim.optimise import Synthesiser
from synthstim.parametrise import Invertible, Parametrisation
from synthstim.production.cases import controls_of
from synthstim.production.fingerprint import Fingerprint, differences, fingerprint_of
from synthstim.production.jobs import Job, objective_of, plan_jobs
from synthstim.production.limits import luminance_of
from synthstim.production.scores import controlled_sites, scores_for
from synthstim.production.work_directory import Made, WorkDirectory
from synthstim.production.write import write_set
from synthstim.recipe import Recipe
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import Measurer, natural_pool


@dataclass(frozen=True)
class MakeProgress:
    """Where a run stands.

    Attributes:
        done, total: stimuli synthesised, and asked for.
        label: the entry in work and its layer or unit.
        best: best score of each item in work; dB for metamers.
        share: of the evaluations that the run may spend, 0 to 1.
        message: something the user should know, or "".
    """

    done: int
    total: int
    label: str
    best: list[float]
    share: float
    message: str = ""


Watch = Callable[[MakeProgress], None]


def make(
    recipe: Recipe | Mapping[str, Any],
    out: str | Path,
    *,
    observer: Observer | Fit | None = None,
    parametrisation: Parametrisation | None = None,
    device: str | None = None,
    budget: int | None = None,
    at_once: int | None = None,
    resume: bool = False,
    allow_code: bool = False,
    allow_download: bool = False,
    watch: Watch | None = None,
) -> StimulusSet:
    """Make the stimulus set that a recipe describes.

    Args:
        recipe: a Recipe, or the mapping that a recipe file would hold.
        out: directory of the set; it must not exist yet.
        observer: an observer of your own, or a fit of sites, instead of the one that the recipe names.
        parametrisation: latents of your own, such as a generator's, instead of those that the recipe names; ``check_set``
            takes it too, and renders the set again.
        device: ``cpu``, ``cuda``, ``mps``; by default the observer's.
        budget: cap on the evaluations of each stimulus, for a quick look.
        at_once: stimuli in a batch.
        resume: go on with an interrupted run of the same recipe.
        allow_code, allow_download: what the recipe's observer may do.
        watch: called with the progress, several times a second at most.

    Returns:
        The set, read back from disk.

    Raises:
        InputError: said before the first evaluation, unless the disk fills up.

    Example:
        >>> make({"observer": "efficientnet-lite0", "stimuli": [{"name": "unit42", "kind": "controller", "goal": "drive",
        ...       "unit": {"layer": "blocks.4", "channel": 42}}]}, "unit_42")  # half a minute  # doctest: +SKIP
        StimulusSet('unit_42': 1 controller)
    """
    recipe = recipe if isinstance(recipe, Recipe) else Recipe.from_dict(recipe)
    out = Path(out)
    complete = StimulusSet.read(out) if resume and out.exists() else None
    if complete is None:
        require_new_folder(out)
    opened = partial(
        _plan,
        recipe,
        observer,
        device,
        allow_code=allow_code,
        allow_download=allow_download,
        budget=budget,
        at_once=at_once,
        parametrisation=parametrisation,
    )
    if complete is not None:
        measurer, jobs = opened()
        return _as_asked(complete, fingerprint_of(recipe, measurer, jobs, budget, parametrisation))
    try:
        with WorkDirectory(out, resume=resume) as work:
            measurer, jobs = opened()
            fingerprint = fingerprint_of(recipe, measurer, jobs, budget, parametrisation)
            _synthesise(out, recipe, measurer, jobs, fingerprint, work, watch)
    except OSError as error:
        raise InputError(
            f"the set could not be written ({error.strerror or error})",
            "make room, then continue with resume=True",
            code="no-space",
        ) from error
    return StimulusSet.read(out)


def _synthesise(
    out: Path,
    recipe: Recipe,
    measurer: Measurer,
    jobs: list[Job],
    fingerprint: Fingerprint,
    work: WorkDirectory,
    watch: Watch | None,
) -> None:
    """Run the jobs, add the controls and write the set."""
    work.begin(fingerprint)
    results = _run_jobs(jobs, measurer, work, watch)
    if watch is not None and recipe.controls.asked():
        items = sum(len(job.items) for job in jobs)
        watch(MakeProgress(items, items, "controls", [], 1.0))
    controls = controls_of(recipe, measurer, jobs, results, work.kept)
    write_set(out, recipe, measurer, jobs, results, controls, fingerprint)
    work.remove()


def _as_asked(complete: StimulusSet, fingerprint: Fingerprint) -> StimulusSet:
    """A set that is there already, if it is whole and the one that is asked for."""
    if other := differences(complete.provenance.get("fingerprint"), fingerprint):
        raise InputError(
            f"{complete.root} is complete, and of another {other}",
            "choose another name or remove it",
            code="in-the-way",
        )
    complete.require_intact()
    return complete


def _plan(
    recipe: Recipe,
    observer: Observer | Fit | None,
    device: str | None,
    *,
    allow_code: bool,
    allow_download: bool,
    **how: Any,
) -> tuple[Measurer, list[Job]]:
    """Open the observer and the pool, and cut the recipe into jobs: all that can be said before long work is said here."""
    opened = _observer(recipe, observer, device, allow_code=allow_code, allow_download=allow_download)
    sites = controlled_sites(recipe, opened.sites, scores_for(recipe, observer))
    jobs = plan_jobs(recipe, opened, sites=sites, **how)
    folder = recipe.resolve(recipe.pool) if recipe.pool else None
    with recipe.placing(("pool",)):
        pool = natural_pool(opened, folder, level_dbfs=recipe.level_dbfs, channel=recipe.channel)
    measurer = Measurer(opened, pool)
    if recipe.match_luminance:
        matched = luminance_of(measurer.pool)
        jobs = plan_jobs(recipe, opened, sites=sites, luminance=matched, **how)
    return measurer, jobs


def _observer(
    recipe: Recipe, observer: Observer | Fit | None, device: str | None, *, allow_code: bool, allow_download: bool
) -> Observer:
    """The observer that was given, or the one that the recipe names, on the device."""
    check_device(device)
    observer = observer.observer if isinstance(observer, Fit) else observer
    if observer is None:
        asked = recipe.observer
        weights = asked.weights if asked.weights in ("default", "random") else recipe.resolve(asked.weights)
        with recipe.placing(("observer",)):
            observer = open_observer(
                asked.name,
                weights=weights,
                size=asked.size,
                seconds=asked.duration_s,
                rate=asked.rate_hz if "rate_hz" in asked.model_fields_set else None,
                axes=asked.axes,
                device=device,
                allow_code=allow_code,
                allow_download=allow_download,
            )
    elif device is not None:
        observer = observer.to(device)
    observer.input.require_filed(observer.name)
    return observer


def _run_jobs(jobs: list[Job], measurer: Measurer, work: WorkDirectory, watch: Watch | None) -> list[Made]:
    tracker = _Tracker(jobs, watch)
    results = []
    for number, job in enumerate(jobs):
        made = work.load_made(number, len(job.items), measurer.observer.input.shape)
        for index in range(made.phases if made else 0, len(job.phases)):
            made = _run_phase(number, job, index, made, measurer, work, tracker)
            work.save_made(number, made)
        assert made is not None
        made.stimuli = as_kept(made.stimuli, job.constraints)
        results.append(made)
        tracker.finish(job)
    return results


def _run_phase(
    number: int,
    job: Job,
    index: int,
    made: Made | None,
    measurer: Measurer,
    work: WorkDirectory,
    tracker: _Tracker,
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
        start = modality.shaped(start, job.references[rows], [torch.Generator().manual_seed(seed) for seed in seeds])
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


class _Tracker:
    """Turns a job's progress into the run's."""

    def __init__(self, jobs: list[Job], watch: Watch | None) -> None:
        self.watch = watch
        self.total = sum(len(job.items) for job in jobs)
        self.work = sum(self._work(job) for job in jobs)
        self.done, self.spent = 0, 0.0
        self._last = 0.0

    @staticmethod
    def _work(job: Job) -> float:
        return float(len(job.items) * job.evaluations)

    def step(self, job: Job, index: int, evaluations: int, best: list[float], message: str) -> None:
        now = time.monotonic()
        if self.watch is None or (now - self._last < 0.2 and not message):
            return
        self._last = now
        before = job.phases[0].stopping.evaluations if index else 0
        share = (self.spent + len(job.items) * (before + evaluations)) / self.work
        self.watch(MakeProgress(self.done, self.total, _label(job), best, share, message))

    def finish(self, job: Job) -> None:
        self.done += len(job.items)
        self.spent += self._work(job)
        if self.watch is not None:
            self.watch(MakeProgress(self.done, self.total, _label(job), [], self.spent / self.work))


def _label(job: Job) -> str:
    aim, name = job.aims[0], job.items[0].entry.name
    return f"{name} {'+'.join(aim.layers) if aim.layers else f'{aim.goal} {aim.layer}'}"
