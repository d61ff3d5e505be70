"""A set of two models' layers, exported as experiments made of trials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from experiment_fixture import write_rig

from synthstim.experiment import export_experiment
from synthstim.stimulus_set import SetWriter

LAYERS = {"conv1": 40.0, "conv2": 33.0, "conv5": 22.0}


def layers_set(root: Path, *, observers: tuple[str, ...] = ("alexnet", "vone"), references: int = 3) -> Path:
    """Metamers of each reference at each layer of each model; the deeper the layer, the worse the match."""
    generator, writer = np.random.default_rng(0), SetWriter(root)
    for observer in observers:
        for layer, match_db in LAYERS.items():
            for which in range(references):
                grey = np.full((1, 24, 24), 0.2 + 0.1 * which, dtype=np.float32)
                reference, digest = writer.add_reference(grey, f"photo{which}")
                writer.add(
                    f"{observer}_{layer}_{which}", generator.random((1, 24, 24)).astype(np.float32), bits=8, kind="metamer",
                    name="net", observer=observer, layer=layer, reference=reference, reference_sha256=digest, status="passed",
                    match_db=match_db + which,
                )  # fmt: skip
    return writer.commit({"versions": {"synthstim": "0.1.0"}})


def exported(folder: Path, *, design: str | None = None, protocol: str = "oddity", **settings: object) -> Path:
    """An experiment of these metamers in the folder ``exp``; ``design`` is the text of a design.yaml."""
    path = None
    if design is not None:
        path = folder / "design.yaml"
        path.write_text(design, encoding="utf-8")
    return export_experiment(
        layers_set(folder / "set"), protocol, out=folder / "exp", rig=write_rig(folder), settings=settings, design=path
    )
