"""Odours that hold over concentrations: mixtures for one Kenyon cell, and metamers, made at one concentration or at several at once.

python benchmarks/concentrations.py        # a minute or two, one thread
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from synthstim import Observer, StimulusSet, make
from synthstim.modalities.odour import OdourInput, write_odour
from synthstim.models import load_model
from synthstim.verify.measure import match_of

SHARES = {"full": 1.0, "third": 0.3, "tenth": 0.1}
CELLS, MIXTURES, SEED = 12, 8, 0


def recipe_of(name: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """A recipe on one model at each of the concentrations."""
    observers = {key: {"name": name, "settings": {"diluted": share}} for key, share in SHARES.items()}
    return {
        "observers": observers,
        "seed": SEED,
        "criteria": {"null_percentile": 0, "same_class": False},
        "stimuli": entries,
    }


def odours(stimuli: StimulusSet, name: str) -> torch.Tensor:
    """The odours (odour, odorant) of an entry."""
    files = stimuli.table.loc[stimuli.table["name"] == name, "file"]
    return torch.from_numpy(np.stack([stimuli.stimulus(file) for file in files]))


def cells(name: str, folder: Path) -> None:
    """Kenyon cells driven by three odorants at most: what is left of it where the odour is weaker."""
    limits = {"most_odorants": 3, "total_concentration": 1}
    entries: list[dict[str, Any]] = []
    for cell in range(CELLS):
        units = [{"layer": f"{key}.kc", "channel": cell} for key in SHARES]
        shared = {"kind": "controller", "constraints": limits}
        entries.append({"name": f"one_{cell}", "goal": "drive", "unit": units[0], **shared})
        entries.append({"name": f"all_{cell}", "goal": "drive_all", "units": units, **shared})
    stimuli = make(recipe_of(name, entries), folder / "cells")
    observer = load_model(name)
    for share in SHARES.values():
        with torch.no_grad():
            alone = observer.activations(share * torch.eye(observer.input.shape[0]), ["kc"])["kc"].max(0).values
            read = {
                kind: torch.stack(
                    [observer.activations(share * odours(stimuli, f"{kind}_{cell}"), ["kc"])["kc"][0, cell] for cell in range(CELLS)]
                )
                for kind in ("one", "all")
            }  # fmt: skip
        best = alone[:CELLS]
        words = "; ".join(
            f"{words}: {values.median():.3g}, answer {int((values > 0).sum())}, above every odorant alone {int((values > best).sum())}"
            for words, values in (("made at full", read["one"]), ("made for all", read["all"]), ("best alone", best))
        )
        print(f"{name}, {CELLS} Kenyon cells at {share:g}: median activation {words}", flush=True)


def metamers(name: str, folder: Path) -> None:
    """Metamers of mixtures at the projection neurons."""
    observer = load_model(name)
    panel = observer.input
    assert isinstance(panel, OdourInput)
    random = np.random.default_rng(SEED)
    entries: list[dict[str, Any]] = []
    for number in range(MIXTURES):
        chosen = [panel.odorants[at] for at in random.choice(len(panel.odorants), 3, replace=False)]
        path = folder / f"mixture_{number}.odour"
        write_odour(path, np.array([0.1, 0.1, 0.1], np.float32), chosen)
        limits = {"most_odorants": 8, "absent_odorants": chosen}
        for kind, layers in (("one", [["full.pn"]]), ("all", [[f"{key}.pn" for key in SHARES]])):
            entries.append(
                {
                    "name": f"{kind}_{number}",
                    "kind": "metamer",
                    "reference": str(path),
                    "layers": layers,
                    "constraints": limits,
                }
            )
    stimuli = make(recipe_of(name, entries), folder / "metamers")
    for key, share in SHARES.items():
        smelt = load_model(name, settings={"diluted": share})
        found = {kind: _matches(smelt, stimuli, kind) for kind in ("one", "all")}
        print(
            f"{name}, metamers of {MIXTURES} mixtures at {share:g} ({key}): match at pn, median "
            f"made at full {np.median(found['one']):.1f} dB, made for all {np.median(found['all']):.1f} dB; "
            f"worst {min(found['one']):.1f}, {min(found['all']):.1f}",
            flush=True,
        )


def _matches(observer: Observer, stimuli: StimulusSet, kind: str) -> list[float]:
    rows = stimuli.table[stimuli.table["name"].str.startswith(kind)]
    return [
        float(match_of(observer, stimuli.stimulus(row.file), stimuli.stimulus(row.reference), ["pn"])["match_db"])
        for row in rows.itertuples()
    ]


def main() -> None:
    torch.set_num_threads(1)
    for name in ("olfaction", "fly-antenna"):
        with tempfile.TemporaryDirectory() as folder:
            cells(name, Path(folder))
            metamers(name, Path(folder))


if __name__ == "__main__":
    main()
