"""Layers for early, middle and late sites beside Yamins et al. 2014: partial least squares, variance explained over what noise leaves.

    apt-get install tuxpaint-stamps-default        # cut-outs of objects, of which nothing is kept
    python benchmarks/yamins_2014.py [--images N] [--sites N]

The sites live in SqueezeNet, the models are EfficientNet-Lite0, Lite1 and Lite2, Lite0 with random weights, and energies of oriented
bands. Figures go to docs/papers/yamins_2014.tsv, the picture beside it. One thread.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from control_planted import site_drives
from dobs_2022 import chosen
from PIL import Image
from torch import Tensor

from synthstim import Observer, Responses, fit_sites, load_model, natural_pool
from synthstim.encoding import Stimuli
from synthstim.responses import from_array

FIGURE = Path(__file__).parents[1] / "docs" / "papers" / "yamins_2014.png"
TABLE = FIGURE.with_suffix(".tsv")
SIZE = 112
# Where sites live, and how wide their Gaussian fields are, from -1 to 1 across the image.
STAGES = {"early": ("features.2", 0.15), "middle": ("features.6", 0.3), "late": ("features.12", 0.6)}
BLOCKS = tuple(f"blocks.{number}" for number in range(7))
# Name of the model -> how it is opened, and the layers that are fitted, in the order of computation.
MODELS = {
    "Lite0": ("efficientnet-lite0", "default", BLOCKS),
    "Lite1": ("efficientnet-lite1", "default", BLOCKS),
    "Lite2": ("efficientnet-lite2", "default", BLOCKS),
    "Lite0, random weights": ("efficientnet-lite0", "random", BLOCKS),
    "V1 energy": ("v1-energy", "default", tuple(f"normalised_{number}" for number in range(4))),
}
COUNTS, SPREAD, REPEATS = 10.0, 3.0, 30


def scenes(count: int, stamps: Path) -> Tensor:
    """Images (image, channel, y, x) of 60 cut-outs, each so often: turned, moved and scaled over crops of photographs."""
    random = np.random.default_rng(5760)
    pool = natural_pool(load_model("squeezenet", size=(SIZE, SIZE)))
    images = []
    for path in chosen(stamps):
        with Image.open(path) as opened:
            cut = opened.convert("RGBA")
        cut.thumbnail((2 * SIZE, 2 * SIZE))
        for _ in range(count):
            ground = pool.stimulus(int(random.integers(len(pool)))).transpose(1, 2, 0)
            scene = Image.fromarray((ground * 255).round().astype(np.uint8))
            turned = cut.rotate(random.uniform(-30, 30), Image.Resampling.BICUBIC, expand=True)
            scale = random.uniform(0.45, 0.95) * SIZE / max(turned.size)
            small = turned.resize((max(2, round(turned.width * scale)), max(2, round(turned.height * scale))))
            at = (round((SIZE - small.width) * random.random()), round((SIZE - small.height) * random.random()))
            scene.paste(small, at, small)
            images.append(np.asarray(scene, np.float32) / 255)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def recorded(images: Tensor, sites: int) -> Responses:
    """Counts of sites that read three stages of SqueezeNet under Gaussian fields, 10 on average, Poisson."""
    animal, random = load_model("squeezenet", size=(SIZE, SIZE)), np.random.default_rng(2014)
    with torch.no_grad():
        read = [animal.activations(batch, [layer for layer, _ in STAGES.values()]) for batch in images.split(64)]
    drives = [
        site_drives(torch.cat([part[layer] for part in read]), sites, random, width) for layer, width in STAGES.values()
    ]
    expected = np.maximum(COUNTS + SPREAD * np.concatenate(drives, 1), 0.2)
    counts = random.poisson(np.repeat(expected[None], REPEATS, 0)).astype(float)
    names = [f"{stage}_{number:02d}" for stage in STAGES for number in range(sites)]
    return from_array(counts, stimulus_ids=ids_of(images), sites=names, window_s=(0.07, 0.17))


def ids_of(images: Tensor) -> list[str]:
    return [f"scene_{number:03d}" for number in range(len(images))]


def explained(observer: Observer, layers: tuple[str, ...], images: Tensor, responses: Responses) -> pd.DataFrame:
    """One row a site and layer: explainable variance of held-out images that is explained."""
    shown = images if observer.input.channels == 3 else images.mean(1, keepdim=True)
    fit = fit_sites(
        observer, responses, Stimuli.of_arrays(ids_of(images), shown), layers, method="pls", shuffled=False, seed=0
    )  # fmt: skip
    stage = fit.layers["site"].str.partition("_")[0]
    return fit.layers.assign(stage=stage, explained=fit.layers["score"].clip(0) ** 2)


def best(found: pd.DataFrame) -> pd.DataFrame:
    """For each model and stage: the layer with the highest median, that median with its quartiles, and the mean place of sites' layers."""
    rows = []
    for (model, stage), part in found.groupby(["model", "stage"], sort=False):
        by_layer = part.pivot(index="site", columns="layer", values="explained")
        by_layer = by_layer[list(MODELS[str(model)][2])]
        top = str(by_layer.median().idxmax())
        low, middle, high = by_layer[top].quantile([0.25, 0.5, 0.75])
        place = float(by_layer.to_numpy().argmax(1).mean()) / (by_layer.shape[1] - 1)
        rows.append((model, stage, top, middle, low, high, place))
    return pd.DataFrame(rows, columns=["model", "stage", "layer", "median", "low", "high", "place"])


def draw(found: pd.DataFrame) -> None:
    figure, axes = plt.subplots(1, len(MODELS), figsize=(16, 3.6), constrained_layout=True, sharey=True)
    for axis, (model, (_, _, layers)) in zip(axes, MODELS.items(), strict=True):
        for stage, colour in zip(STAGES, ("#24608a", "#3a7d5c", "#bf4428"), strict=True):
            part = found[(found["model"] == model) & (found["stage"] == stage)].pivot(
                index="layer", columns="site", values="explained"
            )
            part = part.loc[list(layers)]
            axis.plot(layers, part.median(axis=1), "o-", color=colour, label=f"{stage} sites")
            axis.fill_between(layers, *part.quantile([0.25, 0.75], axis=1).to_numpy(), color=colour, alpha=0.15)
        axis.set(title=model, ylim=(0, 1))
        axis.tick_params(axis="x", rotation=45)
    axes[0].set_ylabel("explainable variance explained")
    axes[0].legend()
    figure.savefig(FIGURE, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=12, help="of each of 60 objects")
    parser.add_argument("--stamps", type=Path, default=Path("/usr/share/tuxpaint/stamps"))
    parser.add_argument("--sites", type=int, default=24, help="of each stage")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    images = scenes(asked.images, asked.stamps)
    responses = recorded(images, asked.sites)
    parts = []
    for name, (model, weights, layers) in MODELS.items():
        observer = load_model(model, size=(SIZE, SIZE), weights=weights)
        parts.append(explained(observer, layers, images, responses).assign(model=name))
        found = pd.concat(parts)
        found.to_csv(TABLE, sep="\t", index=False, float_format="%.4g")
        print(
            parts[-1]
            .groupby(["stage", "layer"], sort=False)["explained"]
            .median()
            .unstack(sort=False)
            .round(2)
            .to_string()
        )
        print(best(parts[-1]).round(2).to_string(index=False), flush=True)
    draw(found)


if __name__ == "__main__":
    main()
