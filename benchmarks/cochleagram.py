"""The cochleagram against a plain full-length implementation: seconds, memory and agreement, forward and backward.

Two seconds at 20 kHz, one thread, the `feather2023` front end. The plain one is the tests' oracle: every band at the full
length and rate in complex64. Rounds of the two are interleaved, and ratios are medians over rounds; memory is the peak
growth of a process of its own (Linux). Errors are the worst over made and recorded sounds, and over `compat` on and off;
those of the other front ends are printed too.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from material import show

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from cochleagram_oracle import ORACLES, PlainCochleagram

from synthstim.modalities.sound.recordings import Recording, carried_sounds
from synthstim.models.hearing.cochleagram import PRESETS, Cochleagram

SECONDS, PRESET = 2, "feather2023"
RATE = PRESETS[PRESET].rate
SAMPLES = SECONDS * RATE
Model = Callable[[torch.Tensor], torch.Tensor]


def model_of(which: str, preset: str = PRESET, *, compat: bool = False) -> Model:
    """The package's cochleagram (ours) or the plain one, before any resizing."""
    samples = SECONDS * PRESETS[preset].rate
    if which == "plain":
        return PlainCochleagram(samples, **ORACLES[preset], compat=compat)
    model = Cochleagram.preset(preset, samples=samples, compat=compat)
    model.picture = torch.nn.Identity()
    return model


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
    # What building the model took at its height is no part of the pass; Linux can forget it. What it freed and the
    # allocator kept would be used again, and not be seen as growth.
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    there_and_back(model, sounds)
    return (_status("VmHWM") - before) / 1024


def _status(name: str) -> int:
    """One figure of this process in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def errors_of(preset: str) -> tuple[float, float]:
    """The worst relative errors of values and gradients over the sounds; prints them all."""
    rows, worst = [], (0.0, 0.0)
    for compat in (False, True) if preset == PRESET else (False,):
        models = [model_of(which, preset, compat=compat) for which in ("ours", "plain")]
        for title, sound in made_and_recorded(PRESETS[preset].rate).items():
            (out, gradient), (wanted, slope) = (there_and_back(model, sound) for model in models)
            errors = (_apart(out, wanted), _apart(gradient, slope))
            rows.append([title, "yes" if compat else "no", *(f"{error:.1e}" for error in errors)])
            worst = (max(worst[0], errors[0]), max(worst[1], errors[1]))
    show(f"### {preset}: relative errors", ["sound", "compat", "output", "gradient"], rows)
    return worst


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


def made_and_recorded(rate: int) -> dict[str, torch.Tensor]:
    """Two seconds of each sound at RMS 0.1: (1, time). Recorded ones are there where packages that carry them are."""
    at = torch.arange(SECONDS * rate, dtype=torch.float64) / rate
    clicks, sparse = torch.zeros(2, len(at))
    clicks[::2511] = 1
    sparse[1201::6007] = 1
    buzz = torch.stack([torch.cos(2 * math.pi * 150 * k * at + k * k) for k in range(1, 50)]).sum(0)
    sounds = {
        "white noise": torch.randn(len(at), generator=torch.Generator().manual_seed(0)),
        "tone, 1 kHz": torch.sin(2 * math.pi * 1000 * at),
        "buzz, 150 Hz, beating": buzz * (1 + torch.sin(2 * math.pi * 4 * at)),
        "sweep, 0.1 to 4 kHz": torch.sin(2 * math.pi * (100 * at + 1000 * at**2)),
        "clicks": clicks,
        "clicks, sparser": sparse,
    }
    for kind in ("word", "speech", "texture", "music"):
        for recording in carried_sounds(kind)[:1]:
            sounds[f"{kind} ({recording.name})"] = _recorded(recording, rate)
    return {title: (0.1 * sound / sound.square().mean().sqrt()).float()[None] for title, sound in sounds.items()}


def _recorded(recording: Recording, rate: int) -> torch.Tensor:
    """Two seconds, with silence after a shorter sound, at a rate: straight lines between samples do here."""
    waveform, own = recording.read()
    sound = torch.zeros(SECONDS * own)
    taken = torch.as_tensor(waveform[: len(sound)])
    sound[: len(taken)] = taken
    return torch.nn.functional.interpolate(sound[None, None], size=SECONDS * rate, mode="linear")[0, 0]


def main() -> None:
    """Print the figures, and write them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=8, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(peak_growth(options.peak, options.batch))
        return
    figures: dict[str, float] = {}
    for batch in (1, 8):
        ratio, milliseconds = speedup(batch, options.rounds if batch == 1 else max(3, options.rounds // 2))
        figures[f"speedup_batch{batch}"] = ratio
        print(f"batch {batch}: {ratio:.1f} times faster than the plain one ({milliseconds:.0f} ms of processor time)")
    for batch in (1, 8):
        command = [sys.executable, __file__, "--batch", str(batch), "--peak"]
        ours, plain = (float(subprocess.check_output([*command, which])) for which in ("ours", "plain"))
        figures[f"memory_ratio_batch{batch}"] = ours / plain
        print(f"peak memory at batch {batch}: {ours:.0f} against {plain:.0f} MiB, {ours / plain:.3f} of it")
    # The larger, so that the goal holds for both.
    figures["memory_ratio"] = max(figures["memory_ratio_batch1"], figures["memory_ratio_batch8"])
    for preset in PRESETS:
        end = "" if preset == PRESET else f"_{preset}"
        figures[f"relative_error{end}"], figures[f"gradient_error{end}"] = errors = errors_of(preset)
        print(f"{preset}: worst relative error {errors[0]:.1e}, of the gradient {errors[1]:.1e}; one thread")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
