"""Optimisers of auditory metamers: the shipped default against plainer and other ones, on log amplitudes and phases.

Recordings of speech, one second each, from pink noise; what is printed is the match in dB at 100, 200 and 300 evaluations,
the mean over the recordings and each of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

import torch
from sound import LEVEL, reference_of

from synthstim.constraints import Level, Peak
from synthstim.modalities.sound.synthesis import STEP
from synthstim.models import load_model
from synthstim.objectives import match
from synthstim.optimise import Adam, Optimiser, Stopping, Synthesiser
from synthstim.parametrise import Spectrogram

RECORDINGS = ("activated", "december", "austen_0870")
STAGES = ("cochleagram:cochleagram", "whisper-tiny.en:mel", "whisper-tiny.en:conv2", "whisper-tiny.en:enc1")
MARKS = (100, 200, 300)


class OnSquares(Adam):
    """Adam on the squared error, not on its logarithm."""

    squared = True


ARMS: dict[str, Callable[[], Optimiser]] = {
    "default": lambda: Adam(step=STEP),
    "constant step": lambda: Adam(step=STEP, schedule="constant"),
    "squared error": lambda: OnSquares(step=STEP),
    "squared error, constant step": lambda: OnSquares(step=STEP, schedule="constant"),
    "step .05": lambda: Adam(step=STEP / 4),
    "step .1": lambda: Adam(step=STEP / 2),
    "step .3": lambda: Adam(step=1.5 * STEP),
    "momentum .5": lambda: Adam(step=STEP, momentum=0.5),
    "shorter memory (.9, .99)": lambda: Adam(step=STEP, memory=0.99),
}


def climb(stage: str, recordings: Sequence[str], optimiser: Optimiser, seed: int) -> dict[int, list[float]]:
    """Match in dB of each recording at each of ``MARKS``."""
    name, layer = stage.split(":")
    observer = load_model(name, seconds=1.0)
    references = torch.cat([reference_of(observer, recording) for recording in recordings])
    synthesiser = Synthesiser(
        observer, match(references, [layer]), Spectrogram(observer.input), seeds=[seed + row for row in range(len(references))],
        optimiser=optimiser, stopping=Stopping(evaluations=MARKS[-1]), file_levels=None,
        constraints=[Level(rms_dbfs=LEVEL), Peak(most_dbfs=0.0)],
    )  # fmt: skip
    return {progress.evaluations: progress.best for progress in synthesiser if progress.evaluations in MARKS}


def main() -> None:
    """Print a row an arm."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stages", nargs="*", default=STAGES, help="such as whisper-tiny.en:mel")
    parser.add_argument("--arms", nargs="*", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--recordings", nargs="*", default=RECORDINGS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for stage in options.stages:
        for arm in options.arms:
            found = climb(stage, options.recordings, ARMS[arm](), options.seed)
            row = " | ".join(
                f"{sum(best) / len(best):.1f} ({'/'.join(f'{one:.1f}' for one in best)})" for best in found.values()
            )
            print(f"| {stage} | {arm} | {row} |", flush=True)


if __name__ == "__main__":
    main()
