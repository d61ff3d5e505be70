"""Making a set: jobs are synthesised here or by workers, the files measured, the set renamed into place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthstim.encoding import Fit
from synthstim.errors import InputError
from synthstim.files import require_new_folder
from synthstim.models import Observer
from synthstim.parametrise import Parametrisation
from synthstim.production.cases import controls_of
from synthstim.production.fingerprint import Fingerprint, differences, fingerprint_of
from synthstim.production.jobs import Job
from synthstim.production.one_job import kept, run_job
from synthstim.production.planned import plan
from synthstim.production.shards import Shard
from synthstim.production.tracker import MakeProgress, Tracker, Watch
from synthstim.production.work_directory import Made, WorkDirectory
from synthstim.production.write import write_set
from synthstim.recipe import Recipe
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import Measurer


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
    shard: str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
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
        shard: ``PART/PARTS``: make that part of the stimuli alone; ``join_sets`` makes one set of all parts.
        workers: processes of this computer, or of the cluster, that share the work (``synthstim[cluster]``).
        cluster: the address of a Dask scheduler, or a YAML file for dask-jobqueue's ``SLURMCluster``.
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
    part = None if shard is None else Shard.read(shard)
    if (workers or cluster) and (observer is not None or parametrisation is not None):
        raise InputError(
            "an observer or a parametrisation of your own given, with workers; expected a recipe that names all",
            "name a function of a module (package.module:function) in the recipe, or leave workers out",
            code="mismatch",
        )
    how: dict[str, Any] = {"device": device, "budget": budget, "at_once": at_once, "allow_code": allow_code, "allow_download": allow_download}  # fmt: skip

    def planned() -> tuple[Measurer, list[Job], Fingerprint]:
        processes = 0 if cluster else workers or 1
        measurer, jobs = plan(recipe, observer, parametrisation=parametrisation, shard=part, processes=processes, **how)
        return measurer, jobs, fingerprint_of(recipe, measurer, jobs, budget, parametrisation, shard=part)

    if complete is not None:
        return _as_asked(complete, planned()[2])
    try:
        with WorkDirectory(out, resume=resume) as work:
            measurer, jobs, fingerprint = planned()
            tracker = Tracker(jobs, watch)
            if workers or cluster:
                from synthstim.production.spread import Order, run_spread

                order = Order.of(recipe, fingerprint, part, how)
                results = run_spread(order, jobs, measurer, work, tracker, workers, cluster)
            else:
                work.begin(fingerprint)
                results = _run_jobs(jobs, measurer, work, tracker)
            _finish(out, recipe, measurer, jobs, results, fingerprint, work, watch)
    except OSError as error:
        raise InputError(
            f"the set could not be written ({error.strerror or error})",
            "make room, then continue with resume=True",
            code="no-space",
        ) from error
    return StimulusSet.read(out)


def _finish(
    out: Path,
    recipe: Recipe,
    measurer: Measurer,
    jobs: list[Job],
    results: list[Made],
    fingerprint: Fingerprint,
    work: WorkDirectory,
    watch: Watch | None,
) -> None:
    """Add the controls and write the set."""
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


def _run_jobs(jobs: list[Job], measurer: Measurer, work: WorkDirectory, tracker: Tracker) -> list[Made]:
    results = []
    for number, job in enumerate(jobs):
        before = work.load_made(number, len(job.items), measurer.observer.input.shape)
        results.append(kept(run_job(number, job, before, measurer, work, tracker), job))
        tracker.finish(job)
    return results
