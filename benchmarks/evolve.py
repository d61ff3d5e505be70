"""How far evolution without a model gets in N presentations: against the best natural image, and the site's own gradient.

    python benchmarks/evolve.py [--sites 8] [--presentations 2000] [--variants] [--quick] [--seed 0]

Sites are those of the simulated animal, which answers with Poisson counts; each evolves by itself. What is printed are
expected counts, which the search never sees, of images rounded to 8 bits. 1 is the best of the natural pool, of which
the animal's own counts, not an experiment's, say which it is; the oracle follows the site's own gradient.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from material import show

from synthstim.evolve import Evolution
from synthstim.models import load_model
from synthstim.simulate import Animal, simulated_animal
from synthstim.verify import natural_pool

SIZE = 112
DEFAULT = {"cutoff": 8, "population": 20, "spread": 1.0, "repeats": 1}
VARIANTS = [
    {"cutoff": 4},
    {"cutoff": 12},
    {"population": 10},
    {"population": 40},
    {"spread": 0.5},
    {"spread": 2.0},
    {"repeats": 3},
]


def main() -> None:
    """Run and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sites", type=int, default=8, help="how many sites of the animal")
    parser.add_argument("--presentations", type=int, default=2000, help="that each site is given")
    parser.add_argument("--variants", action="store_true", help="also change one setting at a time")
    parser.add_argument("--quick", action="store_true", help="2 sites, 200 presentations: to see that it runs")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    sites, most = (2, 200) if given.quick else (given.sites, given.presentations)
    animal = simulated_animal(seed=given.seed, sites=sites, size=(SIZE, SIZE))
    print(f"{animal!r}, torch {torch.__version__}, one thread, seed {given.seed}")
    if given.quick:
        print("QUICK: too few sites and presentations for the figures to mean anything.")
    stops = [stop for stop in (100, 200, 500, 1000, 2000, 4000, 8000) if stop <= most]
    columns = ["search", *(f"{stop} presentations" for stop in stops)]
    began = time.perf_counter()
    grown = evolved(animal, stops, given.seed, **DEFAULT)
    rows = [[f"evolution, {what}", *(summary(grown[what][stop]) for stop in stops)] for what in grown]
    picked = picked_natural(animal, stops, given.seed)
    rows.append(["natural image picked by its counts", *(summary(picked[stop]) for stop in stops)])
    oracle = (animal.table["oracle"] / animal.table["best_natural"]).to_numpy()
    rows.append(["oracle: the site's own gradient", *[summary(oracle)] * len(stops)])
    show(f"Expected count over that of the best natural image: median of {sites} sites (least to most)", columns, rows)
    share = [np.median((grown["centre"][stop] - 1) / (oracle - 1)) for stop in stops]
    print(
        "of the oracle's gain over the best natural image, the centre has "
        + ", ".join(f"{100 * part:.0f} %" for part in share)
    )
    print(f"{time.perf_counter() - began:.0f} s")
    if given.variants:
        variants(animal, stops, given.seed)


def variants(animal: Animal, stops: list[int], seed: int) -> None:
    """One setting changed at a time."""
    rows = []
    for change in [{}, *VARIANTS]:
        grown = evolved(animal, stops, seed, **(DEFAULT | change))["centre"]
        name = ", ".join(f"{key} {value:g}" for key, value in change.items()) or "as shipped"
        rows.append([name, *(summary(grown[stop]) for stop in stops)])
    show("The centre, one setting changed at a time", ["setting", *(f"{stop}" for stop in stops)], rows)


def evolved(
    animal: Animal, stops: list[int], seed: int, *, cutoff: int, population: int, spread: float, repeats: int
) -> dict[str, dict[int, np.ndarray]]:
    """Truth over best natural (site,) of what evolution has at each number of presentations."""
    found: dict[str, dict[int, list[float]]] = {"mean of the new images": {}, "best so far": {}, "centre": {}}
    for number, site in enumerate(animal.sites):
        evolution = Evolution(
            (3, SIZE, SIZE), cutoff=cutoff, population=population, spread=spread, seed=[seed, number], site=site
        )
        shown, waiting = 0, list(stops)
        while waiting:
            images = eight_bits(evolution.ask())
            counts = animal.counts(images, repeats, seed=1000 * number + evolution.generation)[:, :, number].T
            new = images[[role == "new" for role in evolution.roles]]
            evolution.tell(counts)
            shown += counts.size
            if shown >= waiting[0]:
                stop, best = waiting.pop(0), float(animal.table["best_natural"][number])
                ends = eight_bits(torch.stack([evolution.best.image, evolution.centre]))
                truth = [animal.expected(new)[:, number].mean(), *animal.expected(ends)[:, number]]
                for values, value in zip(found.values(), truth, strict=True):
                    values.setdefault(stop, []).append(float(value) / best)
    return {name: {stop: np.array(value) for stop, value in values.items()} for name, values in found.items()}


def picked_natural(animal: Animal, stops: list[int], seed: int) -> dict[int, np.ndarray]:
    """Truth over best natural of the natural image with the highest mean count, when all presentations go to the pool."""
    network = load_model("squeezenet", size=(SIZE, SIZE))
    truth = torch.cat(list(natural_pool(network).batches(network)))
    expected, random = animal.expected(truth), np.random.default_rng(seed)
    picked = {}
    for stop in stops:
        repeats = max(stop // len(expected), 1)
        subset = random.permutation(len(expected))[: min(stop, len(expected))]
        counts = random.poisson(np.repeat(expected[None, subset], repeats, 0)).mean(0)
        best = animal.table["best_natural"].to_numpy()
        picked[stop] = expected[subset][counts.argmax(0), range(len(best))] / best
    return picked


def eight_bits(images: torch.Tensor) -> torch.Tensor:
    """As a PNG holds them."""
    return torch.round(images * 255) / 255


def summary(values: np.ndarray) -> str:
    """Median (least to most)."""
    return f"{np.median(values):.2f} ({values.min():.2f} to {values.max():.2f})"


if __name__ == "__main__":
    main()
