"""What a simulated animal leaves of an experiment that was run: spikes and markers on a recording's own clock."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch

from synthstim.errors import InputError
from synthstim.media import read_for
from synthstim.responses import read_presentations
from synthstim.simulate.noise import Rates, draw_counts

if TYPE_CHECKING:
    from synthstim.simulate.animal import Animal

# The recording's clock starts at another time and runs a little faster than the experiment's, as clocks do.
OFFSET_S, DRIFT = 12.5, 40e-6


def record(animal: Animal, presentations: str | Path, out: str | Path, *, seed: int = 0) -> Path:
    """Write the spike file and the marker file of an experiment that was run.

    Args:
        animal: sees the images as the log of presentations says they were shown.
        presentations: ``data/..._presentations.tsv`` of the experiment.
        out: folder of ``spikes.tsv`` and ``markers.tsv``, as ``synthstim.responses`` reads them; made if need be.
        seed: of the counts and of the spikes' times.

    Returns:
        The folder.

    Raises:
        InputError: the log cannot be used, an image is gone or of another size, presentations follow one another faster
            than the window is long, or a file is there already.
    """
    path, out = Path(presentations), Path(out)
    for name in ("spikes.tsv", "markers.tsv"):
        if (out / name).exists():
            raise InputError(f"{out / name} exists already: choose another folder or remove it")
    shown, _ = read_presentations(path, incomplete="keep")
    onsets = shown["onset_time_s"].to_numpy(dtype=np.float64)
    start, end = animal.window_s
    if len(onsets) > 1 and np.diff(onsets).min() < end - start:
        raise InputError(
            f"{path.name} has presentations {1000 * np.diff(onsets).min():.0f} ms apart, the animal counts over"
            f" {1000 * (end - start):.0f} ms: show them further apart (a screen without vertical sync flips too fast)"
        )
    random = np.random.default_rng([animal.seed, seed])
    usual = animal.table["usual"].to_numpy()
    counts = draw_counts(_expected(animal, shown, path.parent.parent), usual, animal.noise, random)
    rows = [
        (site, onset + time)
        for row, onset in enumerate(onsets)
        for site, count in zip(animal.sites, counts[row], strict=True)
        for time in random.uniform(start, end, count)
    ]
    rows += _background(animal, onsets, random)
    spikes = pd.DataFrame(rows, columns=["site", "time_s"])
    markers = pd.DataFrame({"code": shown["marker_code"].astype(int), "time_s": onsets})
    out.mkdir(parents=True, exist_ok=True)
    for name, frame in (("spikes.tsv", spikes.sort_values("time_s", kind="stable")), ("markers.tsv", markers)):
        on_clock = frame.assign(time_s=OFFSET_S + (1 + DRIFT) * frame["time_s"])
        on_clock.to_csv(out / name, sep="\t", index=False, lineterminator="\n", float_format="%.6f")
    return out


def _expected(animal: Animal, shown: pd.DataFrame, experiment: Path) -> Rates:
    """Expected counts (presentation, site), each image seen once."""
    files = list(dict.fromkeys(shown["file"].astype(str)))
    images = [read_for(experiment / file, animal.cortex.input, fit="exact") for file in files]
    expected = animal.expected(torch.from_numpy(np.stack(images)))
    return expected[[files.index(file) for file in shown["file"].astype(str)]]


def _background(animal: Animal, onsets: np.ndarray, random: np.random.Generator) -> list[tuple[str, float]]:
    """Spikes between windows, at each site's baseline."""
    start, end = animal.window_s
    base = animal.cortex.module.get_submodule("sites").get_buffer("base").numpy() / (end - start)
    edges = np.concatenate([[onsets[0] - 1.0], onsets + end])
    lengths = np.concatenate([onsets + start, [onsets[-1] + end + 1.0]]) - edges
    return [
        (site, edge + time)
        for site, rate in zip(animal.sites, base, strict=True)
        for edge, length in zip(edges, lengths, strict=True)
        for time in random.uniform(0, length, random.poisson(rate * length))
    ]
