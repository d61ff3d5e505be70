"""Where a run stands: the progress of its jobs, as users watch it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from synthstim.production.jobs import Job


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


class Tracker:
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
        """A step of a job: so many evaluations of a phase are spent."""
        now = time.monotonic()
        if self.watch is None or (now - self._last < 0.2 and not message):
            return
        self._last = now
        before = job.phases[0].stopping.evaluations if index else 0
        share = (self.spent + len(job.items) * (before + evaluations)) / self.work
        self.watch(MakeProgress(self.done, self.total, _label(job), best, share, message))

    def tell(self, message: str) -> None:
        """Something the user should know before any job begins."""
        if self.watch is not None:
            self.watch(MakeProgress(self.done, self.total, "", [], self.spent / self.work, message))

    def finish(self, job: Job) -> None:
        """A job is done."""
        self.done += len(job.items)
        self.spent += self._work(job)
        if self.watch is not None:
            self.watch(MakeProgress(self.done, self.total, _label(job), [], self.spent / self.work))


def _label(job: Job) -> str:
    aim, name = job.aims[0], job.items[0].entry.name
    return f"{name} {'+'.join(aim.layers) if aim.layers else f'{aim.goal} {aim.layer}'}"
