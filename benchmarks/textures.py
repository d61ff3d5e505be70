"""Sound textures from noise: dB of every class on recorded textures, evaluations and seconds, one thread.

    python benchmarks/textures.py [NAME ...] [--seconds 2] [--evaluations 650] [--seed 0] [--json FILE]

What is printed is measured after rounding to the 24 bits of the file. The recordings are those that packages carry
(``synthstim.modalities.sound.recordings``).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from synthstim.modalities.sound import resample, shaped_noise
from synthstim.modalities.sound.recordings import TEXTURES, carried
from synthstim.models import Observer, SoundInput
from synthstim.models.hearing.textures import EVALUATIONS, RATE, STATISTICS, class_decibels, network
from synthstim.models.textures import STOP_DB
from synthstim.objectives import match
from synthstim.optimise import LBFGS, Stopping, Synthesiser
from synthstim.parametrise import Spectrogram

LEVEL_DBFS = -26.0


def reference_of(name: str, input: SoundInput) -> torch.Tensor:
    """The start of a recording, (1, time) at the rate played, at a common level."""
    waveform, rate = carried(name).read()
    sound = torch.as_tensor(waveform, dtype=torch.float64)[None, : round(input.seconds * rate)]
    sound = resample(sound, rate, input.rate)[:, : input.samples].float()
    return rounded(sound * (10 ** (LEVEL_DBFS / 20) / sound.square().mean().sqrt()))


def rounded(sound: torch.Tensor) -> torch.Tensor:
    """As a file of 24 bits holds it."""
    return torch.round(sound * 2**23) / 2**23


def synthesised(name: str, observer: Observer, input: SoundInput, *, evaluations: int, seed: int) -> dict[str, Any]:
    """One texture from noise: dB by class, evaluations, and seconds of the processor."""
    reference = reference_of(name, input)
    before = time.process_time()
    run = Synthesiser(
        observer,
        match(reference, STATISTICS, joined="worst"),
        Spectrogram(input),
        seeds=[seed],
        start=shaped_noise(reference, [torch.Generator().manual_seed(seed)]),
        optimiser=LBFGS(),
        stopping=Stopping(target=STOP_DB, evaluations=evaluations),
        file_levels=None,
    ).result()
    spent = time.process_time() - before
    heard, wanted = (observer.preprocess(sound) for sound in (rounded(run.stimuli), reference))
    classes = {key: round(float(value), 1) for key, value in class_decibels(observer.module, heard, wanted).items()}
    return {"texture": name, "evaluations": run.evaluations[0], "processor_s": round(spent, 1), "db": classes}


def main() -> None:
    """Print a row a texture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(TEXTURES), metavar="NAME")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--evaluations", type=int, default=EVALUATIONS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    input = SoundInput.lasting(given.seconds, network_rate=RATE)
    observer = Observer(network(input.network_samples), input=input, name="sound-texture")
    short = [
        name.replace("modulation", "mod").replace("envelope", "env").replace("correlation", "corr")
        for name in STATISTICS
    ]
    print(f"{'texture':10} {'evals':>5} {'s':>6} {'worst':>6}", *(f"{name:>18}" for name in short))
    rows = []
    for name in given.names:
        row = synthesised(name, observer, input, evaluations=given.evaluations, seed=given.seed)
        rows.append(row)
        print(
            f"{name:10} {row['evaluations']:5} {row['processor_s']:6} {min(row['db'].values()):6}",
            *(f"{row['db'][key]:18}" for key in STATISTICS),
            flush=True,
        )
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
