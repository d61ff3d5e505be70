"""The cochleagram against a plain full-length implementation: seconds, memory and agreement, forward and backward.

Two seconds at 20 kHz, one thread, the `feather2023` front end. The plain one is the tests' oracle: every band at the full
length and rate in complex64. Rounds of the two are interleaved, and ratios are medians over rounds; memory is the peak
growth of a process of its own (Linux).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from cochleagram_oracle import PlainCochleagram

from synthstim.models.hearing.cochleagram import Cochleagram

SAMPLES, RATE = 40_000, 20_000
Model = Callable[[torch.Tensor], torch.Tensor]


def model_of(which: str) -> Model:
    """The package's cochleagram (ours) or the plain one."""
    if which == "ours":
        return Cochleagram.preset("feather2023", samples=SAMPLES)
    return PlainCochleagram(
        SAMPLES, rate=RATE, n=50, low=50, high=10_000, oversampling=4, frame_rate=200, slope_limit=5.0
    )


def sounds_of(batch: int) -> torch.Tensor:
    """Noise under a slow envelope, at the level of speech."""
    noise = torch.randn(batch, SAMPLES, generator=torch.Generator().manual_seed(0))
    return 0.05 * noise * (0.5 - 0.5 * torch.cos(torch.arange(SAMPLES) / RATE * 20))


def there_and_back(model: Model, sounds: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The output, and the gradient of its weighted sum."""
    leaf = sounds.clone().requires_grad_()
    out = model(leaf)
    weights = torch.randn(out.shape[1:], generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad((out * weights).sum(), leaf)
    return out.detach(), gradient


def speedup(batch: int, rounds: int) -> tuple[float, float]:
    """Median over rounds of plain over ours, and milliseconds of ours."""
    ours, plain, sounds = model_of("ours"), model_of("plain"), sounds_of(batch)
    ratios, spent = [], []
    for _ in range(rounds + 1):
        times = []
        for model in (ours, plain):
            began = time.process_time()
            there_and_back(model, sounds)
            times.append(time.process_time() - began)
        ratios.append(times[1] / times[0])
        spent.append(1000 * times[0])
    return statistics.median(ratios[1:]), statistics.median(spent[1:])


def peak_growth(which: str, batch: int) -> float:
    """MiB by which a process grows during one pass; run in a process of its own."""
    model, sounds = model_of(which), sounds_of(batch)
    # What building the model took at its height is no part of the pass; Linux can forget it.
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    there_and_back(model, sounds)
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    """One figure of this process in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def main() -> None:
    """Print the figures, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(peak_growth(options.peak, 8))
        return
    figures: dict[str, float] = {}
    for batch in (1, 8):
        ratio, milliseconds = speedup(batch, options.rounds if batch == 1 else max(3, options.rounds // 2))
        figures[f"speedup_batch{batch}"] = ratio
        print(f"batch {batch}: {ratio:.1f} times faster than the plain one ({milliseconds:.0f} ms of processor time)")
    peaks = {
        which: float(subprocess.check_output([sys.executable, __file__, "--peak", which]))
        for which in ("ours", "plain")
    }
    figures["memory_ratio"] = peaks["ours"] / peaks["plain"]
    print(f"peak memory at batch 8: {peaks['ours']:.0f} against {peaks['plain']:.0f} MiB")
    (out, gradient), (wanted, slope) = (there_and_back(model_of(which), sounds_of(2)) for which in ("ours", "plain"))
    figures["relative_error"] = float((out - wanted).norm() / wanted.norm())
    figures["gradient_error"] = float((gradient - slope).norm() / slope.norm())
    print(
        f"relative error {figures['relative_error']:.1e}, of the gradient {figures['gradient_error']:.1e}; one thread"
    )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
