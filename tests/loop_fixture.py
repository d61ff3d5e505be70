"""A small session on real weights, and an animal of units of a deeper layer that answers with spike counts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synthstim.loop import Session, start_loop
from synthstim.models import Observer, load_model
from synthstim.responses import Responses, from_array, write_table
from synthstim.stimulus_set import StimulusSet

SITES = ("a", "b", "c")
WINDOW = (0.07, 0.17)
SETTINGS: dict[str, Any] = {
    "observer": {"name": "efficientnet-lite0", "size": 64},
    "layers": ["blocks.0"],
    "sites": "all",
    "fitting": {"folds": 4},
    "goals": [{"name": "stretch", "goal": "drive", "sites": ["a"], "copies": 2, "warm": 1, "evaluations": 12}],
    "anchors": {"natural": 2, "earlier": 1, "random": 3},
    "explore": {"share": 0.5, "candidates": 40},
    "experiment": {"settings": {"blocks": 1}},
    "seed": 3,
}


@cache
def network() -> Observer:
    return load_model(size=(64, 64))


def rates(stimuli: StimulusSet) -> np.ndarray:
    """(stimulus, site) spikes expected: means over space of three channels of blocks.1, rectified, of mean 6."""
    images = torch.from_numpy(np.stack([stimuli.stimulus(file) for file in stimuli.table["file"]]))
    with torch.no_grad():
        read = network().activations(images, ["blocks.1"])["blocks.1"].mean((2, 3)).numpy()
    return np.clip(6 + 2.5 * (read[:, [1, 4, 9]] - CENTRE) / SPREAD, 0.2, None)


# Mean and spread of these channels over natural images, so that every session scales them alike.
CENTRE = np.zeros(3)
SPREAD = np.ones(3)


def answer(stimuli: StimulusSet, *, repeats: int = 6, seed: int = 1, session: str = "night") -> Responses:
    """Poisson counts, with the checksums of the set's files."""
    mean = rates(stimuli)
    counts = np.random.default_rng(seed).poisson(mean, (repeats, *mean.shape)).astype(float)
    ids = [str(name) for name in stimuli.table["stimulus_id"]]
    made = from_array(counts, stimulus_ids=ids, sites=list(SITES), window_s=WINDOW, session=session)
    digests = dict(zip(ids, stimuli.table["sha256"].astype(str), strict=True))
    return Responses(made.trials.assign(sha256=made.trials["stimulus_id"].astype(str).map(digests)))


def begin(folder: Path, *, count: int = 40, **changes: Any) -> Session:
    return start_loop(folder / "session", SETTINGS | changes, count=count)


def recorded(session: Session, folder: Path, **options: Any) -> Path:
    """A table of responses to the newest generation, beside the session."""
    newest = session.newest
    return write_table(answer(newest.stimuli, seed=newest.number, **options), folder / f"night{newest.number}.tsv")
