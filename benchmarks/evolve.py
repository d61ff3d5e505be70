"""How far evolution without a model gets in N presentations: against the best natural image, and the gradient.

    python benchmarks/evolve.py [--sites 8] [--presentations 2000] [--variants] [--quick] [--seed 0]

Every site evolves by itself from Poisson counts. What is printed are expected counts, which the search never sees, of
images rounded to 8 bits; 1 is the expected count of the best natural image of the pool. Two kinds of sites: those of
the simulated animal, which saturate, and units of EfficientNet-Lite0, rectified, which do not.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from material import show

from synthstim.evolve import Evolution, Parents
from synthstim.models import Observer, Unit, load_model, read_units
from synthstim.objectives import drive
from synthstim.optimise import Adam, Stopping, Synthesiser
from synthstim.parametrise import Fourier
from synthstim.robustness import Robustness
from synthstim.simulate import Animal, simulated_animal
from synthstim.verify import natural_pool

SIZE = 112
DEFAULT: dict[str, Any] = {"cutoff": 8, "population": 20, "repeats": 1}
VARIANTS: list[dict[str, Any]] = [
    {"cutoff": 4}, {"cutoff": 16}, {"population": 10}, {"population": 40}, {"spread": 0.5}, {"spread": 2.0}, {"repeats": 3},
]  # fmt: skip
UNITS = [Unit(layer=layer, channel=channel) for layer in ("blocks.2", "blocks.3", "blocks.4") for channel in (5, 20)]
# Presentations of each natural image by which the one to start from is picked.
PICKED_BY = 3
# How many of the best of them are recombined.
PARENTS = 60
# Expected counts of a unit's median and best natural image.
USUAL, BEST = 2.0, 20.0


@dataclass
class Units:
    """Units of a network as sites: a line from activation to expected count, rectified."""

    observer: Observer
    low: np.ndarray
    high: np.ndarray

    def expected(self, images: torch.Tensor) -> np.ndarray:
        """Expected counts (image, site)."""
        read = torch.cat([read_units(self.observer, batch, UNITS) for batch in images.split(64)]).double().numpy()
        return np.maximum(USUAL + (BEST - USUAL) * (read - self.low) / (self.high - self.low), 0)

    def oracle(self, seed: int) -> np.ndarray:
        """Expected counts (site,) of the images that the gradient makes as recipes do."""
        counts = []
        for number, unit in enumerate(UNITS):
            run = Synthesiser(
                self.observer, drive(unit), Fourier((3, SIZE, SIZE)), seeds=[seed], optimiser=Adam(),
                stopping=Stopping(evaluations=300), robustness=Robustness(jitter=4),
            )  # fmt: skip
            for _ in run:
                pass
            counts.append(self.expected(eight_bits(run.result().stimuli))[0, number])
        return np.array(counts)


@dataclass
class Subject:
    """Sites that answer, and the best natural image and the gradient to compare with, in expected counts (site,)."""

    name: str
    answers: Animal | Units
    natural: torch.Tensor
    oracle: np.ndarray

    def __post_init__(self) -> None:
        self.to_natural = self.answers.expected(self.natural)
        self.best = self.to_natural.max(0)


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
    print(f"torch {torch.__version__}, one thread, seed {given.seed}")
    if given.quick:
        print("QUICK: too few sites and presentations for the figures to mean anything.")
    stops = [stop for stop in (200, 500, 1000, 2000, 4000, 8000) if stop <= most]
    for subject in (animal(sites, given.seed), units(given.seed)):
        began = time.perf_counter()
        compare(subject, stops, given.seed)
        if given.variants:
            variants(subject, stops, given.seed)
        print(f"{time.perf_counter() - began:.0f} s")


def animal(sites: int, seed: int) -> Subject:
    """The simulated animal."""
    made = simulated_animal(seed=seed, sites=sites, size=(SIZE, SIZE))
    network = load_model("squeezenet", size=(SIZE, SIZE))
    natural = torch.cat(list(natural_pool(network).batches(network)))
    return Subject(f"{sites} sites of the simulated animal", made, natural, made.table["oracle"].to_numpy())


def units(seed: int) -> Subject:
    """Units of the default network."""
    observer = load_model(size=(SIZE, SIZE))
    natural = torch.cat(list(natural_pool(observer).batches(observer)))
    read = torch.cat([read_units(observer, batch, UNITS) for batch in natural.split(64)]).double().numpy()
    answers = Units(observer, np.median(read, 0), read.max(0))
    return Subject(f"{len(UNITS)} units of EfficientNet-Lite0", answers, natural, answers.oracle(seed))


def compare(subject: Subject, stops: list[int], seed: int) -> None:
    """The table of one subject."""
    random = np.random.default_rng(seed)
    counted = random.poisson(np.repeat(subject.to_natural[None], PICKED_BY, 0)).mean(0)
    picked = counted.argmax(0)
    from_grey = evolved(subject, stops, seed, **DEFAULT)
    from_picked = evolved(subject, stops, seed, **DEFAULT, starts=subject.natural[picked])
    recombined = evolved(subject, stops, seed, repeats=1, population=16, parents=parents(subject, counted))
    rows = [[f"evolution from grey: {what}", *map(summary, found.values())] for what, found in from_grey.items()]
    rows += [[f"from the natural image: {what}", *map(summary, found.values())] for what, found in from_picked.items()]
    rows += [
        [f"recombined: {what}", *map(summary, found.values())] for what, found in recombined.items() if what != "centre"
    ]
    still = subject.to_natural[picked, range(len(picked))] / subject.best
    shown = PICKED_BY * len(subject.natural)
    rows.append([f"that natural image, picked by {shown} presentations", *[summary(still)] * len(stops)])
    rows.append(["the gradient, which knows the site", *[summary(subject.oracle / subject.best)] * len(stops)])
    title = f"{subject.name}: expected count over that of the best natural image, median (least to most)"
    show(title, ["presentations", *map(str, stops)], rows)


def parents(subject: Subject, counted: np.ndarray) -> list[Parents]:
    """Of each site, the natural images with the highest mean counts (image, site)."""
    best = [mean.argsort()[::-1][:PARENTS].copy() for mean in counted.T]
    presented = np.full(PARENTS, PICKED_BY)
    return [
        Parents(subject.natural[rows], mean[rows], presented, mean.mean())
        for rows, mean in zip(best, counted.T, strict=True)
    ]


def variants(subject: Subject, stops: list[int], seed: int) -> None:
    """One setting changed at a time."""
    rows = []
    for change in [{}, *VARIANTS]:
        grown = evolved(subject, stops, seed, **(DEFAULT | change))["centre"]
        name = ", ".join(f"{key} {value:g}" for key, value in change.items()) or "as shipped"
        rows.append([name, *map(summary, grown.values())])
    show(f"{subject.name}: centre from grey, one setting changed at a time", ["presentations", *map(str, stops)], rows)


def evolved(
    subject: Subject,
    stops: list[int],
    seed: int,
    *,
    repeats: int,
    starts: torch.Tensor | None = None,
    parents: list[Parents] | None = None,
    **settings: Any,
) -> dict[str, dict[int, np.ndarray]]:
    """Expected count over that of the best natural image (site,) of what evolution has after so many presentations."""
    found: dict[str, dict[int, list[float]]] = {"new images": {}, "best so far": {}, "centre": {}}
    for number, best in enumerate(subject.best):
        settings["start"] = None if starts is None else starts[number]
        settings["parents"] = None if parents is None else parents[number]
        evolution = Evolution((3, SIZE, SIZE), seed=[seed, number], **settings)
        random, shown, waiting = np.random.default_rng([seed, number]), 0, list(stops)
        while waiting:
            images = eight_bits(evolution.ask())
            expected = subject.answers.expected(images)[:, number]
            new = expected[[role == "new" for role in evolution.roles]]
            evolution.tell(random.poisson(np.repeat(expected[:, None], repeats, 1)))
            shown += len(images) * repeats
            if shown >= waiting[0]:
                stop = waiting.pop(0)
                ends = eight_bits(torch.stack([evolution.best.image, evolution.centre]))
                truth = [new.mean(), *subject.answers.expected(ends)[:, number]]
                for values, value in zip(found.values(), truth, strict=True):
                    values.setdefault(stop, []).append(float(value / best))
    return {name: {stop: np.array(value) for stop, value in values.items()} for name, values in found.items()}


def eight_bits(images: torch.Tensor) -> torch.Tensor:
    """As a PNG holds them."""
    return torch.round(images * 255) / 255


def summary(values: np.ndarray) -> str:
    """Median (least to most)."""
    return f"{np.median(values):.2f} ({values.min():.2f} to {values.max():.2f})"


if __name__ == "__main__":
    main()
