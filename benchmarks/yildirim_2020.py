"""The network of heads beside Yildirim et al. 2020: ``yildirim_2020.py`` measures the one that is carried, and draws docs/papers/yildirim_2020.png.

The test of views: 25 identities that were not trained on, 7 views of each. Each stage's similarity of every two images is compared with
three models: alike if seen from the same view; from the same or the mirrored view; if they show the same identity.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import Tensor

from synthstim.decoders import draws, names_of
from synthstim.decoders.head import Head
from synthstim.models import Observer, load_model
from synthstim.models.seeing.faces import GROUPS, SIZE
from synthstim.training.faces import Heads, recovery_of

FIGURE = Path(__file__).parents[1] / "docs" / "papers" / "yildirim_2020.png"
IDENTITIES, DRAWS, SEED, HELD_OUT = 25, 10, 7_000, 4096
# Yaw and pitch in degrees, and which view is whose mirror image.
VIEWS = ((-90, 0), (-45, 0), (0, 0), (45, 0), (90, 0), (0, 25), (0, -25))
MIRRORED = (4, 3, 2, 1, 0, 5, 6)
LIGHT = (0.0, 20.0)
STAGES = ("f3", "f4", "f5")
MODELS = ("view", "mirror", "identity")


def views(seed: int) -> Tensor:
    """Images (identity and view, 3, y, x) of new identities, in every view under one light."""
    head, names = Head((3, *SIZE)), names_of(Head((3, *SIZE)))
    latents = draws(head, IDENTITIES, torch.Generator().manual_seed(seed)).repeat_interleave(len(VIEWS), 0)
    latents[:, [names.index("yaw"), names.index("pitch")]] = torch.tensor(VIEWS, dtype=torch.float64).repeat(
        IDENTITIES, 1
    )
    latents[:, [names.index("azimuth"), names.index("elevation")]] = torch.tensor(LIGHT, dtype=torch.float64)
    with torch.no_grad():
        return torch.cat([head.decode(part) for part in latents.split(25)]).float()


def templates() -> dict[str, np.ndarray]:
    """The three models: 1 for every two images that are alike by it, 0 for the others."""
    view, mirror = np.tile(np.arange(len(VIEWS)), IDENTITIES), np.tile(MIRRORED, IDENTITIES)
    identity = np.repeat(np.arange(IDENTITIES), len(VIEWS))
    same = view[:, None] == view
    return {
        "view": same.astype(float),
        "mirror": (same | (mirror[:, None] == view)).astype(float),
        "identity": (identity[:, None] == identity).astype(float),
    }


def similarity(values: np.ndarray) -> np.ndarray:
    """Correlation of every two images' patterns (image, unit), each unit first in standard deviations over images."""
    spread = values.std(0)
    kept = values[:, spread > 0]
    return np.corrcoef((kept - kept.mean(0)) / kept.std(0))


def profile(observer: Observer, seed: int) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
    """Of each stage: correlation with each model, and its similarity matrix."""
    upper = np.triu_indices(IDENTITIES * len(VIEWS), 1)
    with torch.no_grad():
        read = observer.activations(views(seed), list(STAGES))
    found, matrices = {}, {}
    for stage in STAGES:
        matrices[stage] = similarity(read[stage].flatten(1).double().numpy())
        found[stage] = {
            name: float(np.corrcoef(matrices[stage][upper], model[upper])[0, 1]) for name, model in templates().items()
        }
    return found, matrices


def mirror_index(matrix: np.ndarray) -> float:
    """How alike mirrored views of different identities are, of the way from other views (0) to the same view (1)."""
    models = {name: model.astype(bool) for name, model in templates().items()}
    others = ~models["identity"]
    same, mirrored = (matrix[part & others].mean() for part in (models["view"], models["mirror"] & ~models["view"]))
    other = matrix[~models["mirror"] & others].mean()
    return float((mirrored - other) / (same - other))


def draw(found: list[dict[str, dict[str, float]]], matrices: dict[str, np.ndarray]) -> None:
    figure, axes = plt.subplots(1, 4, figsize=(14, 3.5), constrained_layout=True)
    # By view, then identity, so that blocks show.
    order = np.argsort(np.tile(np.arange(len(VIEWS)), IDENTITIES), kind="stable")
    for axis, stage in zip(axes, STAGES, strict=False):
        axis.imshow(matrices[stage][np.ix_(order, order)], cmap="viridis", vmin=-0.5, vmax=1)
        places = np.arange(len(VIEWS)) * IDENTITIES + IDENTITIES / 2
        labels = ["-90", "-45", "0", "45", "90", "up", "down"]
        axis.set_xticks(places, labels)
        axis.set_yticks(places, labels)
        axis.set_title(f"{stage}: similarity of images, by view")
    for name, colour, mark in zip(MODELS, ("#24608a", "#3a7d5c", "#bf4428"), "os^", strict=True):
        values = np.array([[one[stage][name] for stage in STAGES] for one in found])
        axes[3].errorbar(
            STAGES, values.mean(0), 1.96 * values.std(0, ddof=1), marker=mark, color=colour, capsize=3, label=name
        )
    axes[3].set(ylabel="correlation with the model", title="three models")
    axes[3].legend()
    figure.savefig(FIGURE, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--weights", nargs="+", default=["default"], help="weights files, .safetensors, and default; the first is drawn"
    )
    torch.set_num_threads(1)
    each = []
    for number, weights in enumerate(parser.parse_args().weights):
        print(weights)
        observer = load_model("faces", weights=weights)
        report_recovery(observer)
        found, matrices = report_stages(observer)
        each.append(
            {stage: {name: np.mean([one[stage][name] for one in found]) for name in MODELS} for stage in STAGES}
        )
        if number == 0:
            draw(found, matrices)
    if len(each) > 1:
        print(f"{len(each)} networks, mean (lowest to highest)")
        for stage in STAGES:
            values = {name: [one[stage][name] for one in each] for name in MODELS}
            told = [f"{name} {np.mean(of):.3f} ({min(of):.3f} to {max(of):.3f})" for name, of in values.items()]
            print(f"{stage}: {', '.join(told)}")


def report_recovery(observer: Observer) -> None:
    """Print how well the latents of new heads are inferred."""
    images, latents = Heads(SEED).batch(HELD_OUT)
    with torch.no_grad():
        inferred = torch.cat([observer.module(part) for part in images.split(256)])
    each = recovery_of(inferred, latents)
    print(f"shape, the ten largest components: correlation {each[:10].mean():.3f}")
    for name, part in zip(GROUPS, each.split(list(GROUPS.values())), strict=True):
        error = (inferred - latents).split(list(GROUPS.values()), 1)[list(GROUPS).index(name)].square().mean().sqrt()
        print(
            f"{name}: correlation {part.mean():.3f} (from {part.min():.2f} to {part.max():.2f}), error {error:.2f} standard deviations"
        )


def report_stages(observer: Observer) -> tuple[list[dict[str, dict[str, float]]], dict[str, np.ndarray]]:
    """Print the three models' correlations with each stage, over draws of identities."""
    profiles = [profile(observer, SEED + number) for number in range(DRAWS)]
    found, matrices = [one for one, _ in profiles], profiles[0][1]
    for stage in STAGES:
        told = []
        for name in MODELS:
            values = np.array([one[stage][name] for one in found])
            told.append(f"{name} {values.mean():.3f} +- {1.96 * values.std(ddof=1):.3f}")
        index = np.mean([mirror_index(one[stage]) for _, one in profiles])
        print(f"{stage}: {', '.join(told)}; mirrored views {index:.2f}")
    return found, matrices


if __name__ == "__main__":
    main()
