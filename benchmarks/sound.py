"""Auditory metamers: evaluations and seconds to a match, the shipped default against the 2023 schedule, in one run.

Each stage is matched to one second of recorded speech from noise. The schedule is that of Feather et al. 2023: normalised
gradient steps on samples, step 1.0 halved in eight blocks, from noise of 1e-7, the waveform cut to full scale.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from synthstim.constraints import Level, Peak
from synthstim.modalities.sound import at_level, fit_sound
from synthstim.modalities.sound.recordings import carried
from synthstim.modalities.sound.synthesis import METAMER_EVALUATIONS, STEP
from synthstim.models import Observer, load_model
from synthstim.objectives import match
from synthstim.optimise import Adam, GradientAscent, Stopping, Synthesiser
from synthstim.parametrise import Spectrogram, Waveform

LEVEL = -26.0
STAGES = (("cochleagram", "cochleagram"), ("whisper-tiny.en", "conv2"), ("whisper-tiny.en", "enc0"))


def reference_of(observer: Observer, recording: str) -> torch.Tensor:
    """One second of a carried recording as the observer is played it, (1, time)."""
    waveform, rate = carried(recording).read()
    given = observer.input
    fitted = fit_sound(waveform, rate, to=given.rate, samples=given.samples, heard=given.network_rate, how="pad")
    return torch.from_numpy(at_level(fitted, LEVEL, recording))[None]


def run(
    observer: Observer, layer: str, reference: torch.Tensor, target: float, evaluations: int, *, ours: bool
) -> dict:
    """Evaluations and seconds until the match is at the target, and the match at the end."""
    began = time.perf_counter()
    if ours:
        latents, optimiser, start = Spectrogram(observer.input), Adam(step=STEP), "pink"
        constraints = [Level(rms_dbfs=LEVEL), Peak(most_dbfs=0.0)]
    else:
        latents, optimiser, constraints = Waveform(observer.input), GradientAscent(step=1.0, schedule="halving", normalised=True), []  # fmt: skip
        noise = torch.randn(1, observer.input.network_samples, generator=torch.Generator().manual_seed(1))
        start = Waveform(observer.input).render(1e-7 * noise)
    synthesiser = Synthesiser(
        observer, match(reference, [layer]), latents, seeds=[1], start=start, optimiser=optimiser,
        stopping=Stopping(evaluations=evaluations), constraints=constraints, file_levels=None,
    )  # fmt: skip
    reached: tuple[int, float] | None = None
    best = -1e9
    for progress in synthesiser:
        best = progress.best[0]
        if reached is None and best >= target:
            reached = (progress.evaluations, time.perf_counter() - began)
            if ours is False:
                break
    return {"reached": reached, "end_db": best, "seconds": time.perf_counter() - began}


def main() -> None:
    """Print a row a stage, and write the figures if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", type=float, default=20.0, help="match in dB")
    parser.add_argument("--schedule", type=int, default=24_000, help="evaluations of the 2023 schedule")
    parser.add_argument("--recording", default="activated")
    parser.add_argument("--stages", nargs="*", help="such as whisper-tiny.en:conv2")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"one thread; {options.recording}, 1 s; to {options.target:g} dB; the schedule runs {options.schedule} evaluations"
    )
    stages = [tuple(stage.split(":")) for stage in options.stages] if options.stages else STAGES
    figures: dict[str, float | bool | None] = {}
    for name, layer in stages:
        observer = load_model(name, seconds=1.0)
        reference = reference_of(observer, options.recording)
        ours = run(observer, layer, reference, options.target, METAMER_EVALUATIONS, ours=True)
        theirs = run(observer, layer, reference, options.target, options.schedule, ours=False)
        # A schedule that never got there counts with all it spent: the ratio is then an upper bound.
        spent, lasted = theirs["reached"] or (options.schedule, theirs["seconds"])
        ratio = ours["reached"][0] / spent if ours["reached"] else None
        print(f"{name} {layer}: default {ours['reached']}, ends at {ours['end_db']:.1f} dB; schedule {theirs['reached']}, "
              f"ends at {theirs['end_db']:.1f} dB; evaluations ratio {ratio}; seconds {lasted:.0f}", flush=True)  # fmt: skip
        figures |= {f"evaluations_ratio_{layer}": ratio, f"is_bound_{layer}": theirs["reached"] is None}
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
