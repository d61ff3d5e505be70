"""A user's desk with one of everything that commands take, and what each command is given when all is well."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from experiment_fixture import write_rig
from heads_fixture import write_heads
from loop_fixture import SETTINGS
from production_fixture import write_small
from simulated_listeners import simulate_trials, write_experiment

from synthstim.analysis import Condition, Study
from synthstim.evolve import EvolutionFolder
from synthstim.experiment import export_experiment
from synthstim.loop import start_loop
from synthstim.modalities.image import write_png
from synthstim.modalities.sound import write_wav
from synthstim.stimulus_set import SetWriter, StimulusSet, adopt

RECIPE = """\
observer: {name: efficientnet-lite0, size: 32}
stimuli:
  - {name: up, kind: controller, goal: drive, unit: {layer: blocks.4, channel: 42}, evaluations: 5}
"""


@dataclass(frozen=True)
class Command:
    """A command line in parts.

    Attributes:
        words: with ``IN`` for its input and ``OUT`` for its output.
        takes: the input, a name on the desk; None for a command without one.
        writes: whether the output is a "folder" or a "file"; None for a command without one.
        suffix: of the output.
    """

    words: str
    takes: str | None = None
    writes: str | None = None
    suffix: str = ""

    def line(self, source: object, out: object) -> list[str]:
        return [str({"IN": source, "OUT": out}.get(word, word)) for word in self.words.split()]


COMMANDS = {
    "make": Command("make IN --out OUT --quiet", "recipe.yaml", "folder"),
    "check": Command("check IN --quiet", "set"),
    "adopt": Command("adopt IN --out OUT", "photographs", "folder"),
    "join": Command("join IN adopted --out OUT", "set", "folder"),
    "report": Command("report IN --out OUT", "set", "file", ".html"),
    "export": Command("export IN --out OUT", "set", "folder"),
    "export psychojs": Command("export IN --out OUT --protocol rating --psychojs", "set", "folder"),
    "run": Command("run IN", "experiment"),
    "web": Command("web IN", "experiment"),
    "analyse": Command("analyse IN --out OUT", "test", "folder"),
    "presented": Command("presented IN --nwb OUT", "experiment", "file", ".nwb"),
    "fit": Command("fit IN --stimuli set --out OUT --layers blocks.0 --folds 2", "trials.tsv", "folder"),
    "probes": Command("probes IN --out OUT --layers blocks.0 --count 3", "set", "folder"),
    "power": Command("power IN --expect natural=0.9 --expect conv1=0.5 --trials 4 --repeats 2", "test"),
    "simulate": Command("simulate IN --out OUT", "set", "file", ".tsv"),
    "loop init": Command(
        "loop init OUT --naturals IN --layers blocks.1 --size 32 --count 12 --probes 2", "photographs", "folder"
    ),
    "loop deliver": Command("loop deliver session IN", "trials.tsv"),
    "loop next": Command("loop next IN --quiet", "session"),
    "loop status": Command("loop status IN", "session"),
    "loop watch": Command("loop watch IN --quiet --until 0", "session"),
    "evolve init": Command("evolve init OUT --site a --size 32", None, "folder"),
    "evolve next": Command("evolve next IN trials.tsv", "evolution"),
    "evolve status": Command("evolve status IN", "evolution"),
    "serve": Command("serve IN --out OUT", "set", "folder"),
    "rig new": Command("rig new --yes --out OUT", None, "file", ".yaml"),
    "rig show": Command("rig show IN", "rig.yaml"),
    "rig check": Command("rig check IN", "rig.yaml"),
    "rig measure": Command("rig measure IN --photometer LS100 --out OUT", "rig.yaml", "file", ".tsv"),
    "convert": Command("convert IN --out OUT", "weights.pth", "file", ".safetensors"),
    "new": Command("new listening OUT", None, "folder"),
    "split": Command("split IN --out OUT", "tone.wav", "folder"),
    "train": Command("train olfaction --out OUT --epochs 1 --quiet", None, "file", ".safetensors"),
    "lesions": Command(
        "lesions IN --labels labels.tsv --layers blocks.0 --output blocks.1 --out OUT --quiet", "set", "folder"
    ),
    "sweep": Command("sweep IN --over yaw=-30,30 --out OUT", "heads", "folder"),
    "pairs": Command("pairs --size 24 --references 1 --hold shape=0 --out OUT", None, "folder"),
    "demo": Command("demo image --out OUT --quiet --budget 1", None, "folder"),
}


def lay_desk(desk: Path) -> Path:
    """Put one of everything on a desk."""
    desk.mkdir()
    write_small(desk, RECIPE)
    stimuli = StimulusSet.read(_set(desk / "set"))
    export_experiment(stimuli, out=desk / "experiment", rig=write_rig(desk))
    design = Study((Condition("natural"), Condition("conv1", "net", "conv1")), ("ay", "bee", "sea", "dee"), 2, 2)
    write_experiment(design, simulate_trials(design, {"natural": 0.9, "conv1": 0.5}, trials=4, seed=1), desk / "test")
    rows = ["stimulus_id\trepeat\tsession\tsite\tresponse\twindow_start_s\twindow_end_s"]
    rows += [
        f"{name}\t{repeat}\t1\ta\t{3 * number + repeat}\t0.07\t0.17"
        for number, name in enumerate(stimuli.table["stimulus_id"])
        for repeat in (0, 1)
    ]
    (desk / "trials.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    labels = [f"noise_{number}\t{number % 3}" for number in range(4)]
    (desk / "labels.tsv").write_text("\n".join(["stimulus_id\tlabel", *labels]) + "\n", encoding="utf-8")
    (desk / "photographs").mkdir()
    for number, values in enumerate(np.random.default_rng(0).random((6, 3, 48, 48), dtype=np.float32)):
        write_png(desk / "photographs" / f"{number}.png", values)
    adopt(desk / "photographs", desk / "adopted")
    write_heads(desk / "heads")
    start_loop(
        desk / "session", SETTINGS | {"observer": {"name": "efficientnet-lite0", "size": 32}}, count=12, probes=0
    )
    EvolutionFolder.begin(desk / "evolution", {"sites": ["a"], "size": [32, 32], "population": 4, "cutoff": 3})
    write_wav(desk / "tone.wav", 0.1 * np.sin(np.arange(8_000, dtype=np.float32)), 8_000)
    torch.save({"weight": torch.zeros(64, 64)}, desk / "weights.pth")
    return desk


def _set(root: Path) -> Path:
    """Twelve images of noise, of one size."""
    images = np.random.default_rng(1).random((12, 3, 64, 64), dtype=np.float32)
    with SetWriter(root) as writer:
        for number, image in enumerate(images):
            path = writer.add(f"noise_{number}", image, name="noise", kind="natural", status="passed")
            writer.rows[-1].update(writer.modality.statistics(path))
        return writer.commit({"versions": {"synthstim": "0.1.0"}})


def contents(place: Path) -> dict[str, str]:
    """Every path below a folder, hidden ones too, with the checksum of its bytes or what it points to."""
    return {str(path.relative_to(place)): _content(path) for path in sorted(place.rglob("*"))}


def _content(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return "folder" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
