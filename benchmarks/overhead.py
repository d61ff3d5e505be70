"""What an evaluation costs, against a bare loop of forward and backward passes over the same part of the network."""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from material import PHOTOGRAPHS, photographs, show
from torch import Tensor

from synthstim.models import Observer, load_model
from synthstim.objectives import match
from synthstim.optimise import LBFGS, Adam, Optimiser, Stopping, Synthesiser
from synthstim.parametrise import Fourier, Pixels

LAYER, STAGE = "blocks.2", 2
# The loop comes up for air every ten evaluations; the bare loop is timed over as many.
BLOCK = 10
Block = Callable[[], object]
OURS: dict[str, tuple[Callable[[], Optimiser], type[Pixels | Fourier]]] = {
    "Adam, pixels": (Adam, Pixels),
    "L-BFGS, pixels": (LBFGS, Pixels),
    "Adam, Fourier": (Adam, Fourier),
    "L-BFGS, Fourier": (LBFGS, Fourier),
}
BARE, WHOLE = "bare loop to the layer", "bare loop, whole network forward"


def run_overhead(*, quick: bool = False) -> dict[str, Any]:
    """Time and weigh evaluations; returns the figures."""
    size = 64 if quick else 224
    figures: dict[str, Any] = {"overhead_size": size, "overhead_layer": LAYER}
    print(f"\n## An evaluation: {LAYER} of efficientnet-lite0, {size} px, one thread")
    print("Ratios are medians over rounds; in each round every loop runs ten evaluations, in an order that rotates.")
    for batch, rounds in ((1, 3 if quick else 21), (8, 2 if quick else 11)):
        figures |= _timed(size, batch, rounds)
    figures |= _weighed(size)
    return figures


def _timed(size: int, batch: int, rounds: int) -> dict[str, Any]:
    observer = load_model(size=(size, size))
    blocks = {name: _block(name, observer, batch) for name in (BARE, *OURS, WHOLE)}
    seconds = _interleaved(blocks, rounds)
    ratios = {name: _ratios(seconds, name, BARE) for name in blocks}
    rows = [
        [
            name,
            f"{1e3 * statistics.median(took) / BLOCK:.2f}",
            f"{statistics.median(ratios[name]):.3f}",
            _quartiles(ratios[name]),
        ]
        for name, took in seconds.items()
    ]
    show(
        f"### Batch of {batch}, {rounds} rounds",
        ["loop", "ms an evaluation", "ratio to the bare loop", "quartiles"],
        rows,
    )
    figures = {
        f"overhead_batch{batch}": statistics.median(ratios["Adam, pixels"]),
        f"bare_ms_batch{batch}": 1e3 * statistics.median(seconds[BARE]) / BLOCK,
        f"lbfgs_cost_batch{batch}": statistics.median(_ratios(seconds, "L-BFGS, pixels", "Adam, pixels")),
        f"fourier_cost_batch{batch}": statistics.median(_ratios(seconds, "Adam, Fourier", "Adam, pixels")),
        f"lbfgs_fourier_cost_batch{batch}": statistics.median(_ratios(seconds, "L-BFGS, Fourier", "Adam, pixels")),
        f"truncation_gain_batch{batch}": statistics.median(_ratios(seconds, WHOLE, "Adam, pixels")),
    }
    print(f"overhead_batch{batch} {figures[f'overhead_batch{batch}']:.3f}, goal at most 1.05")
    print(f"L-BFGS instead of Adam costs x {figures[f'lbfgs_cost_batch{batch}']:.3f} an evaluation, ", end="")
    print(f"Fourier instead of pixels x {figures[f'fourier_cost_batch{batch}']:.3f}, ", end="")
    print(f"both x {figures[f'lbfgs_fourier_cost_batch{batch}']:.3f}")
    print(f"the whole network forward would cost x {figures[f'truncation_gain_batch{batch}']:.2f}", flush=True)
    return figures


def _interleaved(blocks: dict[str, Block], rounds: int) -> dict[str, list[float]]:
    """Seconds of each block in each round."""
    seconds: dict[str, list[float]] = {name: [] for name in blocks}
    names = list(blocks)
    for name in names:
        blocks[name]()
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            before = time.perf_counter()
            blocks[name]()
            seconds[name].append(time.perf_counter() - before)
    return seconds


def _ratios(seconds: dict[str, list[float]], one: str, other: str) -> list[float]:
    return [mine / theirs for mine, theirs in zip(seconds[one], seconds[other], strict=True)]


def _quartiles(ratios: list[float]) -> str:
    low, _, high = statistics.quantiles(ratios, n=4)
    return f"{low:.3f} to {high:.3f}"


def _block(name: str, observer: Observer, batch: int) -> Block:
    """Ten evaluations of a loop, made ready."""
    names = [PHOTOGRAPHS[item % len(PHOTOGRAPHS)] for item in range(batch)]
    references = photographs(observer, names)
    if name in OURS:
        optimiser, space = OURS[name]
        run = Synthesiser(
            observer,
            match(references, [LAYER]),
            space(observer.input.shape),
            seeds=range(batch),
            optimiser=optimiser(),
            stopping=Stopping(evaluations=10**6),
        )
        steps = iter(run)
        return lambda: next(steps)
    generators = [torch.Generator().manual_seed(item) for item in range(batch)]
    stimuli = observer.input.modality.noise("pink", observer.input.shape, generators).to(observer.dtype)
    with torch.no_grad():
        target = _to_layer(observer, references)
    return lambda: _bare(observer, stimuli, target, whole=name == WHOLE)


def _bare(observer: Observer, stimuli: Tensor, target: Tensor, *, whole: bool) -> None:
    """Forward, loss and backward to the display values, nothing else."""
    power = target.flatten(1).square().sum(1)
    for _ in range(BLOCK):
        leaf = stimuli.detach().requires_grad_()
        features = _to_layer(observer, leaf)
        if whole:
            _beyond_layer(observer, features)
        error = (features - target).flatten(1).square().sum(1) / power
        torch.autograd.grad((-10 * torch.log10(error)).sum(), leaf)


def _to_layer(observer: Observer, stimuli: Tensor) -> Tensor:
    """The network's parts up to the layer, called one after the other."""
    network: Any = observer.module
    shown = observer.input
    mean, std = (torch.tensor(values).view(1, -1, 1, 1) for values in (shown.mean, shown.std))
    features = network.bn1(network.conv_stem((stimuli - mean) / std))
    for stage in network.blocks[: STAGE + 1]:
        features = stage(features)
    return features


def _beyond_layer(observer: Observer, features: Tensor) -> Tensor:
    """The rest of the network, as a loop runs it that calls the whole model and reads the layer by a hook."""
    network: Any = observer.module
    for stage in network.blocks[STAGE + 1 :]:
        features = stage(features)
    return network.classifier(network.global_pool(network.bn2(network.conv_head(features))))


def _weighed(size: int) -> dict[str, Any]:
    """Peak memory of each loop, in a process of its own."""
    cases = [(BARE, 1), ("Adam, pixels", 1), (BARE, 8), ("Adam, pixels", 8), ("L-BFGS, Fourier", 8), (WHOLE, 8)]
    fresh = multiprocessing.get_context("spawn")
    peaks = {}
    for name, batch in cases:
        with fresh.Pool(1) as pool:
            peaks[name, batch] = pool.apply(_peak, (name, batch, size))
    rows = [[name, str(batch), f"{peak:.0f}"] for (name, batch), peak in peaks.items()]
    show("### Peak memory above that of the loaded network", ["loop", "batch", "MiB"], rows)
    return {"peak_mib": {f"{name}, batch {batch}": peak for (name, batch), peak in peaks.items()}}


def _peak(name: str, batch: int, size: int) -> float:
    torch.set_num_threads(1)
    observer = load_model(size=(size, size))
    before = _resident("VmRSS")
    block = _block(name, observer, batch)
    block()
    block()
    return _resident("VmHWM") - before


def _resident(field: str) -> float:
    """Resident memory of this process in MiB, now (VmRSS) or at its highest (VmHWM)."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        # No /proc: the highest so far stands for both, in KiB.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return float(next(line.split()[1] for line in lines if line.startswith(f"{field}:"))) / 1024
