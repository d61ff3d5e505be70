"""A small session on real weights, and an animal of units of a deeper layer that answers with spike counts."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from synthstim.loop import LoopSession, start_loop
from synthstim.models import Observer, load_model
from synthstim.responses import Responses, from_array, write_table
from synthstim.stimulus_set import StimulusSet

SITES = ("a", "b", "c")
# Channels of blocks.1, and the mean and spread of their means over space, over natural images.
CHANNELS = [1, 4, 9]
CENTRE, SPREAD = np.array([-0.34, 1.05, 3.12]), np.array([4.98, 2.82, 2.69])
WINDOW = (0.07, 0.17)
SETTINGS: dict[str, Any] = {
    "observer": {"name": "efficientnet-lite0", "size": 64},
    "layers": ["blocks.1"],
    "sites": "all",
    "fitting": {"folds": 4, "method": "ridge"},
    "goals": [{"name": "stretch", "goal": "drive", "sites": ["a"], "copies": 2, "warm": 1, "evaluations": 15}],
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
    return np.clip(6 + 2.5 * (read[:, CHANNELS] - CENTRE) / SPREAD, 0.2, None)


def answer(stimuli: StimulusSet, *, repeats: int = 6, seed: int = 1, session: str = "night") -> Responses:
    """Poisson counts, with the checksums of the set's files."""
    mean = rates(stimuli)
    counts = np.random.default_rng(seed).poisson(mean, (repeats, *mean.shape)).astype(float)
    ids = [str(name) for name in stimuli.table["stimulus_id"]]
    made = from_array(counts, stimulus_ids=ids, sites=list(SITES), window_s=WINDOW, session=session)
    digests = dict(zip(ids, stimuli.table["sha256"].astype(str), strict=True))
    return Responses(made.trials.assign(sha256=made.trials["stimulus_id"].astype(str).map(digests)))


def begin(folder: Path, *, count: int = 60, probes: int | None = 0, **changes: Any) -> LoopSession:
    return start_loop(folder / "session", SETTINGS | changes, count=count, probes=probes)


def copied(session: LoopSession, folder: Path) -> LoopSession:
    return LoopSession.read(shutil.copytree(session.root, folder / "session"))


def recorded(session: LoopSession, folder: Path, **options: Any) -> Path:
    """A table of responses to the newest generation, beside the session."""
    newest = session.newest
    return write_table(answer(newest.stimuli, seed=newest.number, **options), folder / f"night{newest.number}.tsv")


def deliveries(session: LoopSession) -> list[str]:
    return sorted(path.name for path in session.newest.inbox.iterdir())


def announce(path: Path) -> None:
    """Write the checksum of a file beside it."""
    sealed(path, path.read_bytes())


def sealed(path: Path, content: bytes) -> None:
    """Announce that a file will hold this content."""
    digest = hashlib.sha256(content).hexdigest()
    path.with_name(f"{path.name}.sha256").write_text(f"{digest}  {path.name}\n")


def shown_and_recorded(session: LoopSession, folder: Path, *, repeats: int = 4, jump: float = 0.0) -> list[Path]:
    """The log of the newest generation's experiment, and what a recording with a clock of its own saw."""
    folder.mkdir()
    newest = session.newest
    trials = answer(newest.stimuli, repeats=repeats, seed=5).trials
    counts = {
        (str(row.stimulus_id), row.repeat, str(row.site)): int(row.response) for row in trials.itertuples(index=False)
    }
    manifest = json.loads((newest.experiment / "manifest.json").read_text())["stimuli"]
    order = [
        (repeat, at) for repeat in range(repeats) for at in np.random.default_rng(repeat).permutation(len(manifest))
    ]
    onsets = 3.0 + np.cumsum(np.random.default_rng(9).uniform(0.24, 0.26, len(order)))
    log = pd.DataFrame(
        {
            "presentation": range(len(order)), "stimulus_id": [manifest[at]["stimulus_id"] for _, at in order],
            "file": [manifest[at]["file"] for _, at in order], "sha256": [manifest[at]["sha256"] for _, at in order],
            "marker_code": [10 + at for _, at in order], "onset_time_s": onsets, "missed": 0, "complete": "true",
        }
    )  # fmt: skip
    seen = 50 + onsets * (1 + 1e-5)
    seen[len(seen) // 2 :] += jump
    spikes = [
        (site, time + 0.075 + 0.004 * number)
        for (repeat, at), time in zip(order, seen, strict=True)
        for site in SITES
        for number in range(counts[(manifest[at]["stimulus_id"], repeat, site)])
    ]
    tables = {
        "run_presentations": log,
        "spikes": pd.DataFrame(spikes, columns=["site", "time_s"]),
        "markers": pd.DataFrame({"code": log["marker_code"], "time_s": seen}),
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    return [folder / f"{name}.tsv" for name in tables]
