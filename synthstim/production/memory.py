"""Whether a run fits into memory: an estimate before it begins, so that it is not killed an hour later."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.production.jobs import Job

# Numbers of the size of a stimulus that a search keeps: the history of L-BFGS, gradients, the best up to now.
_KEPT = 45
# The estimate was within a third of what was measured, on textures and networks: beyond the first it is said, beyond the second refused.
_DOUBTFUL, _HOPELESS = 0.8, 1.5
_CGROUP = Path("/sys/fs/cgroup")
_MEMINFO = Path("/proc/meminfo")


def require_memory(jobs: Sequence[Job], observer: Observer, processes: int = 1) -> None:
    """Raise InputError if the largest batches cannot fit into the memory that is free, and warn if they may not.

    Args:
        jobs: what is made.
        observer: for which.
        processes: how many of this computer have a batch each.

    Raises:
        InputError: with what it would need, and what to ask for instead.
    """
    free = free_bytes(observer.device)
    searched = [(len(job.items), bytes_of_item(observer, _layers_of(job))) for job in jobs if job.phases]
    if free is None or not searched:
        return
    most, each = max(searched, key=lambda one: one[0] * one[1])
    processes = min(processes, len(searched))
    needed = sum(sorted(items * size for items, size in searched)[-processes:])
    if needed <= _DOUBTFUL * free:
        return
    shared = f" in each of {processes} processes" if processes > 1 else ""
    told = (
        f"{most} {'stimulus' if most == 1 else 'stimuli'} at once{shared} of {observer.input.words} on {observer.name}"
        f" take about {_told(needed)} of memory, {_told(free)} are free"
    )
    fitting = int(_DOUBTFUL * free // (each * processes))
    advice = "take fewer workers" if processes > 1 else "ask for smaller stimuli"
    if 0 < fitting < most:
        advice = f"make {fitting} at once (at_once={fitting})" + (", or take fewer workers" if processes > 1 else "")
    if needed > _HOPELESS * free:
        raise InputError(told, advice, code="too-large")
    warnings.warn(f"{told}, which may not do: {advice}", stacklevel=3)


def bytes_of_item(observer: Observer, layers: Sequence[str]) -> int:
    """About how much memory one stimulus takes while it is searched for at these layers."""
    values = math.prod(observer.input.shape)
    return observer.bytes_of_item(layers) + _KEPT * values * observer.dtype.itemsize


def _layers_of(job: Job) -> list[str]:
    read = {layer for aim in job.aims for layer in aim.layers}
    return sorted(read | {unit.layer for aim in job.aims for unit in (*aim.controlled, *aim.others)})


def free_bytes(device: torch.device) -> int | None:
    """Memory that a process may still have on a device; None where nothing says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu" or not _MEMINFO.exists():
        return None
    facts = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines() if ":" in line)
    free = [int(facts["MemAvailable"].split()[0]) * 1024] if "MemAvailable" in facts else []
    limit, used = (_CGROUP / name for name in ("memory.max", "memory.current"))
    if limit.exists() and used.exists() and (most := limit.read_text(encoding="ascii").strip()).isdecimal():
        free.append(int(most) - int(used.read_text(encoding="ascii")) + _given_up())
    return max(0, min(free)) if free else None


def _given_up() -> int:
    """What of the memory that a container uses is a cache of files, which is given up when it is needed."""
    stat = _CGROUP / "memory.stat"
    lines = stat.read_text(encoding="ascii").splitlines() if stat.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)


def _told(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
