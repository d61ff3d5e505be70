"""Recipe -> observer, pool and jobs: all that can be said before long work is said here."""

from __future__ import annotations

from typing import Any

from synthstim.encoding import Fit
from synthstim.models import Observer
from synthstim.observers import check_device, open_observer, together
from synthstim.production.jobs import Job, plan_jobs
from synthstim.production.limits import luminance_of
from synthstim.production.memory import require_memory
from synthstim.production.scores import controlled_sites, scores_for
from synthstim.production.shards import Shard
from synthstim.recipe import Recipe
from synthstim.verify import Measurer, natural_pool


def plan(
    recipe: Recipe,
    observer: Observer | Fit | None,
    *,
    device: str | None = None,
    allow_code: bool = False,
    allow_download: bool = False,
    shard: Shard | None = None,
    processes: int = 1,
    **how: Any,
) -> tuple[Measurer, list[Job]]:
    """Open the observer and the pool, and cut the recipe into jobs.

    Args:
        observer: one of the user's own, or None for the recipe's.
        shard: the share of the jobs that is made, of a recipe that is made in parts.
        processes: of this computer that share the work; 0 where others do it, which ask whether they have the memory.
        how: arguments of ``plan_jobs``.

    Raises:
        InputError: the recipe cannot be made.
    """
    opened = _observer(recipe, observer, device, allow_code=allow_code, allow_download=allow_download)
    sites = controlled_sites(recipe, opened.sites, scores_for(recipe, observer))
    jobs = plan_jobs(recipe, opened, sites=sites, **how)
    if processes:
        require_memory(jobs, opened, processes)
    folder = recipe.resolve(recipe.pool) if recipe.pool else None
    with recipe.placing(("pool",)):
        pool = natural_pool(opened, folder, level_dbfs=recipe.level_dbfs, channel=recipe.channel)
    measurer = Measurer(opened, pool)
    if recipe.match_luminance:
        matched = luminance_of(measurer.pool)
        jobs = plan_jobs(recipe, opened, sites=sites, luminance=matched, **how)
    return measurer, jobs if shard is None else shard.of(jobs, recipe)


def _observer(
    recipe: Recipe, observer: Observer | Fit | None, device: str | None, *, allow_code: bool, allow_download: bool
) -> Observer:
    """The observer that was given, or the one that the recipe names, on the device."""
    check_device(device)
    observer = observer.observer if isinstance(observer, Fit) else observer
    if observer is None:
        opened = {}
        for place, asked in recipe.observers_asked.items():
            weights = asked.weights if asked.weights in ("default", "random") else recipe.resolve(asked.weights)
            with recipe.placing(place):
                opened[str(place[-1])] = open_observer(
                    asked.name,
                    weights=weights,
                    size=asked.size,
                    seconds=asked.duration_s,
                    rate=asked.rate_hz if "rate_hz" in asked.model_fields_set else None,
                    settings=asked.settings,
                    axes=asked.axes,
                    device=device,
                    allow_code=allow_code,
                    allow_download=allow_download,
                )
        with recipe.placing(("observers",)):
            observer = together(opened) if recipe.observers else opened["observer"]
    elif device is not None:
        observer = observer.to(device)
    observer.input.require_filed(observer.name)
    return observer
