"""The network of smelling beside Wang et al. 2021: ``wang_2021.py`` measures the one that is carried, and draws docs/papers/wang_2021.png."""

import argparse
from dataclasses import asdict
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from synthstim.models.smelling.olfaction import NEURONS, Olfaction, network
from synthstim.models.smelling.wiring import wiring
from synthstim.training.olfaction import OdourTask, OlfactionSettings, begun

FIGURE = Path(__file__).parents[1] / "docs" / "papers" / "wang_2021.png"
CURVE = FIGURE.with_name("wang_2021_training.tsv")
PATTERNS, SEED = 50_000, 4242


def accuracy(measured: Olfaction) -> float:
    """The share of patterns, which no training drew, whose prototype is named."""
    patterns, labels = OdourTask(SEED).batch(PATTERNS)
    with torch.no_grad():
        return float((measured.smell(patterns).argmax(1) == labels).float().mean())


def by_type(measured: Olfaction) -> np.ndarray:
    """Weights (glomerulus, receptor type), glomeruli in the order of their types."""
    weights = measured.glomeruli.weight.detach().abs().unflatten(1, (-1, NEURONS)).mean(2)
    return weights[weights.argmax(1).argsort()].numpy()


def draw(measured: Olfaction, curve: pd.DataFrame) -> None:
    figure, (one, two, three) = plt.subplots(1, 3, figsize=(12, 3.6), constrained_layout=True)
    one.imshow(by_type(measured), cmap="viridis", aspect="auto")
    one.set(xlabel="receptor type", ylabel="glomerulus", title="receptor neurons to glomeruli")
    two.plot(curve["epoch"], curve["glomerular_score"], "o-", label="glomerular score", color="#24608a")
    two.plot(curve["epoch"], curve["accuracy"], "s-", label="accuracy, held out", color="#3a7d5c")
    two.set(xlabel="epoch (a million odours)", ylim=(0, 1))
    inputs = two.twinx()
    inputs.plot(curve["epoch"], curve["inputs"], "^-", label="inputs of a Kenyon cell", color="#bf4428")
    inputs.set(ylim=(0, 14))
    two.legend(
        *map(sum, zip(two.get_legend_handles_labels(), inputs.get_legend_handles_labels(), strict=True), [[], []])
    )
    claws = measured.claws.weight.detach().abs().numpy()
    counts = (claws > wiring(measured).threshold).sum(1)
    three.hist(counts, np.arange(counts.max() + 2) - 0.5, color="#8b9097")
    three.axvline(7, color="#bf4428", label="the fly, about 7")
    three.set(xlabel="glomeruli that a Kenyon cell hears", ylabel="Kenyon cells", title="one input is one claw")
    three.legend()
    figure.savefig(FIGURE, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", default="default", help="another weights file, .safetensors")
    measured = network(weights=parser.parse_args().weights).eval()
    untrained = begun(OlfactionSettings(kenyon_cells=measured.claws.out_features)).eval()
    for name, one in (("trained", measured), ("before training", untrained)):
        facts = {key: round(value, 3) for key, value in asdict(wiring(one)).items()}
        print(f"{name}: accuracy {accuracy(one):.3f} of {PATTERNS} held-out patterns (chance 0.010), {facts}")
    draw(measured, pd.read_csv(CURVE, sep="\t"))


if __name__ == "__main__":
    main()
