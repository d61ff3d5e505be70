"""How often a fit is doubted whose ids are right, and how often one whose ids were mixed up: simulated animals, small recordings.

The animals are made of SqueezeNet (synthstim.simulate), the model is EfficientNet-Lite0. A row is a recording: so many photographs,
so many repeats, Poisson noise or a gain that sites share. Few sites are drawn again and again from the forty of each animal.
"""

from __future__ import annotations

import argparse
import itertools

import numpy as np
import pandas as pd
import torch

from synthstim.encoding import Stimuli, fit_sites
from synthstim.encoding.doubts import doubt_of
from synthstim.models import load_model
from synthstim.responses import from_array
from synthstim.simulate import Animal, simulated_animal
from synthstim.verify import natural_pool

SIZE, SITES, DRAWS = (64, 64), 40, 200
LAYERS = ["blocks.2", "blocks.3"]


def main() -> None:
    """Print a row for each kind of recording."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--animals", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--images", type=int, nargs="+", default=[40, 120])
    parser.add_argument("--repeats", type=int, nargs="+", default=[2, 10])
    parser.add_argument("--few", type=int, nargs="+", default=[4, 8, 12, 40])
    parser.add_argument("--method")
    parser.add_argument("--write", help="a table of all sites: r and reliability, of right and of wrong ids")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    network = load_model("efficientnet-lite0", size=SIZE)
    pool = natural_pool(network)
    print(
        "images repeats noise  " + "  ".join(f"{few:>3} sites: right wrong" for few in asked.few) + "  r right, wrong"
    )
    written = []
    animals = [simulated_animal(seed, SITES, size=SIZE) for seed in asked.animals]
    for images, repeats, noise in itertools.product(asked.images, asked.repeats, ("poisson", "fano2")):
        tables = [_fits(animal.with_noise(noise), network, pool, images, repeats, asked.method) for animal in animals]
        written += [
            table.assign(animal=at, images=images, repeats=repeats, noise=noise, ids=("right", "wrong")[which])
            for at, pair in enumerate(tables)
            for which, table in enumerate(pair)
        ]
        if asked.write:
            pd.concat(written).to_csv(asked.write, sep="\t", index=False)
        cells = []
        for few in asked.few:
            right, wrong = (_doubted([pair[which] for pair in tables], few) for which in (0, 1))
            cells.append(f"{right:>16.3f} {wrong:.3f}")
        middle = [pd.concat([pair[which] for pair in tables])["r"].median() for which in (0, 1)]
        print(
            f"{images:>6} {repeats:>7} {noise:<7}" + "  ".join(cells) + f"  {middle[0]:.2f} {middle[1]:.2f}", flush=True
        )


def _fits(
    animal: Animal, network, pool, images: int, repeats: int, method: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:  # type: ignore[no-untyped-def]
    """The tables of two fits: of responses to these images, and of responses dealt to the wrong ones."""
    random = np.random.default_rng([animal.seed, images, repeats])
    chosen = random.permutation(len(pool))[:images]
    ids = [f"nat_{at:03d}" for at in range(images)]
    stimuli = Stimuli.of_arrays(ids, np.stack([pool.stimulus(int(at)) for at in chosen]))
    counts = animal.counts(stimuli.batch(range(images)), repeats, seed=images)
    groups = {name: pool.names[pool.origin[at]] for name, at in zip(ids, chosen, strict=True)}
    tables = []
    for order in (np.arange(images), random.permutation(images)):
        responses = from_array(
            counts[:, order].astype(float), stimulus_ids=ids, sites=animal.sites, window_s=animal.window_s
        )
        fit = fit_sites(network, responses, stimuli, LAYERS, method=method, groups=groups, shuffled=False)
        tables.append(fit.table[["site", "r", "reliability"]].astype({"r": float, "reliability": float}))
    return tables[0], tables[1]


def _doubted(tables: list[pd.DataFrame], few: int) -> float:
    """Share of recordings of so many sites, drawn from those of each animal, that are doubted."""
    random = np.random.default_rng(few)
    draws = 1 if few == SITES else DRAWS
    said = [bool(doubt_of(table.iloc[random.permutation(len(table))[:few]])) for table in tables for _ in range(draws)]
    return float(np.mean(said))


if __name__ == "__main__":
    main()
