"""Jobs spread over processes or machines by Dask: a task a job; whoever asked writes down results as they come.

A job that a lost worker had is begun again by another. Whatever has come is on the disk: after the scheduler or the caller is lost,
``resume`` goes on with the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch

from synthstim.errors import InputError
from synthstim.production.fingerprint import Fingerprint, differences, fingerprint_of
from synthstim.production.jobs import Job
from synthstim.production.one_job import NoCheckpoints, kept, run_job
from synthstim.production.planned import plan
from synthstim.production.shards import Shard
from synthstim.production.slurm import slurm_cluster
from synthstim.production.tracker import Tracker
from synthstim.production.work_directory import Made, WorkDirectory
from synthstim.recipe import Recipe
from synthstim.verify import Measurer

# How often a job is begun again whose worker was lost: then the job itself is what kills workers.
_TRIES = 3
_WAIT_S = 60


@dataclass(frozen=True)
class Order:
    """What a worker needs to know to run any job of a recipe; files are read where they lie, so all must see one file system."""

    text: str
    folder: str
    fingerprint: tuple[tuple[str, str], ...]
    shard: Shard | None = None
    how: tuple[tuple[str, Any], ...] = ()
    threads: int = 0

    @classmethod
    def of(cls, recipe: Recipe, fingerprint: Fingerprint, shard: Shard | None, how: Mapping[str, Any]) -> Order:
        """The order of a recipe, or of a part of it; ``how`` are further arguments of ``plan``."""
        return cls(recipe.text, str(recipe.folder), tuple(fingerprint.items()), shard, tuple(how.items()))


def run_spread(
    order: Order,
    jobs: list[Job],
    measurer: Measurer,
    work: WorkDirectory,
    tracker: Tracker,
    workers: int | None,
    cluster: str | None,
) -> list[Made]:
    """Run the jobs that are still to come on a cluster.

    Raises:
        InputError: Dask is not installed, the cluster cannot be reached or was lost, or a worker cannot do what is asked.
    """
    shape = measurer.observer.input.shape
    with _client(workers, cluster, most=len(jobs)) as client:
        # Not before there are workers: a mistyped address leaves nothing behind.
        work.begin(dict(order.fingerprint))
        found = [work.load_made(number, len(job.items), shape) for number, job in enumerate(jobs)]
        done = {
            number: made for number, (made, job) in enumerate(zip(found, jobs, strict=True))
            if made is not None and made.phases == len(job.phases)
        }  # fmt: skip
        for number in done:
            tracker.finish(jobs[number])
        if not client.scheduler_info()["workers"]:
            tracker.tell("no worker yet: waiting for one")
        left = [number for number in range(len(jobs)) if number not in done]
        for number, data in _results(client, _for(order, workers, cluster), left):
            done[number] = work.save_packed(number, data)
            tracker.finish(jobs[number])
    return [kept(done[number], job) for number, job in enumerate(jobs)]


def run_order(order: Order, number: int) -> tuple[str, bytes]:
    """Run one job: what a worker does. Returns what it made, packed; or a sentence that says why it cannot."""
    if order.threads:
        torch.set_num_threads(order.threads)
    try:
        measurer, jobs = _opened(order)
        job = jobs[number]
        return "", run_job(number, job, None, measurer, NoCheckpoints(), Tracker(jobs, None)).packed()
    except InputError as error:
        return str(error), b""


@lru_cache(maxsize=1)
def _opened(order: Order) -> tuple[Measurer, list[Job]]:
    """The observer and the jobs of an order, once for each process."""
    recipe = Recipe.from_text(order.text, order.folder)
    how = dict(order.how)
    measurer, jobs = plan(recipe, None, shard=order.shard, **how)
    own = fingerprint_of(recipe, measurer, jobs, how.get("budget"), shard=order.shard)
    if other := differences(dict(order.fingerprint), own):
        raise InputError(f"a worker has another {other} than the caller", "install the same there", code="mismatch")
    return measurer, jobs


def _for(order: Order, workers: int | None, cluster: str | None) -> Order:
    """The order with as many threads as a worker of this computer may use; those of other computers keep theirs."""
    return order if cluster else replace(order, threads=max(1, (os.cpu_count() or 1) // (workers or 1)))


def _results(client: Any, order: Order, left: list[int]) -> Iterator[tuple[int, bytes]]:
    """The results as they come."""
    from distributed import as_completed
    from distributed.client import FutureCancelledError
    from distributed.comm import CommClosedError
    from distributed.scheduler import KilledWorker

    futures = {client.submit(run_order, order, number, pure=False, retries=_TRIES): number for number in left}
    try:
        for future in as_completed(futures):
            said, data = future.result()
            if said:
                raise InputError(said)
            yield futures[future], data
    except KilledWorker as error:
        raise InputError(
            f"{_TRIES + 1} workers died of one job ({error}): perhaps their memory ran out",
            "take a smaller --at-once, or fewer workers, then --resume",
        ) from None
    except (CommClosedError, FutureCancelledError, TimeoutError, OSError) as error:
        raise InputError(
            f"the cluster was lost ({' '.join(str(error).split())[:200]})",
            "start it again, then continue with --resume: what has come is kept",
        ) from None


@contextmanager
def _client(workers: int | None, cluster: str | None, *, most: int) -> Iterator[Any]:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise InputError(
            "workers need the package distributed", "pip install 'synthstim[cluster]'", code="not-installed"
        ) from None
    with ExitStack() as held:
        if cluster is None:
            made = held.enter_context(
                LocalCluster(
                    n_workers=min(workers or 1, most), threads_per_worker=1, processes=True, host="127.0.0.1",
                    dashboard_address=None, silence_logs=50,
                )
            )  # fmt: skip
            yield held.enter_context(Client(made))
        elif "://" in cluster:
            try:
                client = held.enter_context(Client(cluster, timeout=_WAIT_S))
            except TypeError:
                raise InputError(
                    f"{cluster} needs certificates, and Dask's settings name none",
                    "give distributed.comm.tls.ca-file, client.cert and client.key (docs/scale.md)",
                ) from None
            except (OSError, ValueError) as error:
                raise InputError(f"no scheduler answers at {cluster} ({error})", "start one: dask scheduler") from None
            yield client
        else:
            made = held.enter_context(slurm_cluster(cluster, min(workers or 1, most)))
            yield held.enter_context(Client(made))
