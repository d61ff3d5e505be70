"""What the examples in docstrings find: a folder with one of everything, small, and names for what lies in it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from heads_fixture import write_heads
from loop_fixture import answer, begin, network
from production_fixture import write_small
from simulated_listeners import simulate_trials, write_experiment
from test_presented import log_run, record
from trials_fixture import exported

from synthstim.analysis import Condition, Study
from synthstim.encoding import fit_sites, load_fit, save_fit
from synthstim.experiment import new_protocol
from synthstim.modalities.image import write_png
from synthstim.modalities.sound import write_wav
from synthstim.online import Blocks
from synthstim.responses import from_array, write_table
from synthstim.stimulus_set import StimulusSet

COUNT = 24


def lay_examples(desk: Path) -> Path:
    """Put the files on a desk: images shown tonight and what sites answered, a fit, an experiment that ran, a session."""
    desk.mkdir()
    session = begin(desk, count=COUNT)
    session.root.rename(desk / "monkey_b")
    generation = desk / "monkey_b" / "generation-000"
    for name in ("natural", "tonight", "my_set"):
        shutil.copytree(generation / "set", desk / name)
    shown = StimulusSet.read(desk / "natural")
    for seed, day in enumerate(("monday", "tuesday")):
        write_table(answer(shown, seed=seed, session=day), desk / f"{day}.tsv")
    write_table(answer(shown), desk / "tonight.tsv")
    save_fit(
        fit_sites(network(), answer(shown), shown, ["blocks.0", "blocks.1"], folds=4, method="ridge"),
        desk / "tonight_fit",
    )
    experiment = Path(shutil.copytree(generation / "experiment", desk / "tonight_experiment"))
    record(log_run(experiment), desk)
    design = Study((Condition("natural"), Condition("conv1", "net", "conv1")), ("ay", "bee", "sea", "dee"), 4, 2)
    write_experiment(design, simulate_trials(design, {"natural": 0.9, "conv1": 0.5}, trials=4, seed=1), desk / "words")
    (parts := desk.with_name("oddity_parts")).mkdir()
    exported(parts, participants=8).rename(desk / "oddity")
    write_heads(desk / "heads")
    (desk / "my_gratings").mkdir()
    for number, values in enumerate(np.random.default_rng(0).random((3, 3, 48, 48), dtype=np.float32)):
        write_png(desk / "my_gratings" / f"{number}.png", values)
    write_wav(desk / "word.wav", 0.1 * np.sin(np.arange(4800, dtype=np.float32)), 48_000)
    write_small(
        desk,
        "observer: {name: efficientnet-lite0, size: 32}\nstimuli: [{name: up, kind: controller, goal: drive, unit: {layer: blocks.4, channel: 42}}]\n",
    )
    torch.save(
        {"state_dict": {"weight": torch.zeros(64, 64)}, "epoch": 3, "optimizer": {"lr": 0.1}}, desk / "network.pt"
    )
    new_protocol("my_protocol", desk)
    return desk


def names(desk: Path) -> dict[str, Any]:
    """The names that examples may use, beside those of their own module."""
    stimuli = StimulusSet.read(desk / "natural")
    images = torch.from_numpy(np.stack([stimuli.stimulus(file) for file in stimuli.table["file"][:4]]))
    return {
        "fit": load_fit(desk / "tonight_fit"),
        "heads": StimulusSet.read(desk / "heads"),
        "images": images,
        "observer": network(),
        "Blocks": Blocks,
        "from_array": from_array,
        "responses": answer(stimuli),
        "stimuli": stimuli,
        "torch": torch,
    }
