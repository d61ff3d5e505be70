"""Cells that prefer low-frequency patterns, and what they answer to sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from synthstim import StimulusSet
from synthstim.evolve import LowFrequencies
from synthstim.modalities.image import read_image
from synthstim.responses import Responses

SHAPE = (1, 32, 32)
SETTINGS = {"sites": ["007", "v4_b"], "size": [32, 32], "channels": 1, "population": 6, "cutoff": 3, "seed": 5}
WINDOW = (0.07, 0.17)


def tuned(images: torch.Tensor, seed: int = 1) -> np.ndarray:
    """Spikes a second of a cell: a low-frequency filter, rectified; (image,)."""
    wanted = LowFrequencies(SHAPE, 3).render(torch.randn((1, 29), generator=torch.Generator().manual_seed(seed)))
    kernel = (wanted - wanted.mean()).flatten() / (wanted - wanted.mean()).norm()
    return 20 * np.maximum((images.flatten(1) - 0.5).numpy() @ kernel.numpy(), 0)


def answered(stimuli: StimulusSet, repeats: int = 2, **changes: object) -> Responses:
    """What two cells of that kind answer to a set, site by site, with Poisson noise."""
    random = np.random.default_rng(len(stimuli))
    images = torch.stack([torch.from_numpy(read_image(stimuli.path(file))) for file in stimuli.table["file"]])
    rows = [
        {"stimulus_id": name, "repeat": repeat, "session": "1", "site": site, "response": float(random.poisson(rate)),
         "window_start_s": WINDOW[0], "window_end_s": WINDOW[1], "sha256": digest}
        for seed, site in ((1, "007"), (2, "v4_b"))
        for name, digest, rate in zip(stimuli.table["stimulus_id"], stimuli.table["sha256"], tuned(images, seed), strict=True)
        for repeat in range(repeats)
    ]  # fmt: skip
    return Responses(pd.DataFrame(rows).assign(**changes), "the recording")
