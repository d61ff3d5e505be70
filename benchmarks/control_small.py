"""A small recording: whether the first images made from it are as good as the best natural one, and what was said before.

    python benchmarks/control_small.py [--animals 10] [--seed 0] [--quick] [--table FILE]

Of each animal 4 sites, 160 natural crops shown 5 times, and three images a site of 80 evaluations. Then these and the best
natural image are shown 35 times. One thread; about two minutes an animal.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from control_arms import Rows, best_naturals, drive_entry, stretch
from control_lab import Lab, Measured, Plan
from material import show

from synthstim.production.expected_gain import expected_gains

SMALL = Plan(drawn=12, sites=4, naturals=160, probes=0, mapped=5, copies=3, evaluations=80)
QUICK = Plan(
    drawn=6, sites=2, naturals=96, probes=0, mapped=5, copies=2, evaluations=20, layers=("blocks.1", "blocks.2.0")
)


def main() -> None:
    """Run and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--animals", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="draws animals, crops and noise")
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it runs")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write a row for each site there, TSV")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, seed {given.seed}")
    if given.quick:
        print("QUICK: too little of everything for the figures to mean anything.")
    rows: Rows = []
    for number in range(1 if given.quick else given.animals):
        began = time.monotonic()
        rows += recorded(QUICK if given.quick else SMALL, 100 * given.seed + number)
        print(f"animal {number}: {(time.monotonic() - began) / 60:.1f} min", flush=True)
    table = pd.DataFrame(rows)
    if given.table:
        table.to_csv(given.table, sep="\t", index=False, float_format="%.5g")
    report(table)


def recorded(plan: Plan, seed: int) -> Rows:
    """A row for each site of an animal."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(plan, seed, Path(folder) / "lab", lambda _: None)
        fit, scores = lab.fit(lab.responses.only(sites=lab.sites))
        entry = drive_entry("stretch", lab.sites, plan.copies)
        before = expected_gains(fit, lab.responses.only(sites=lab.sites), lab.first, entry=lab.entry).set_index("site")
        rows, _ = stretch(
            lab, lab.make(fit, "stretch", [entry]), best_naturals(Measured.of(lab.responses), lab.sites), arm="small", seed=10
        )  # fmt: skip
        for row in rows:
            site = row["site"]
            row |= {"animal": seed, "score": scores[site], "expected_gain": before.at[site, "gain"]}
            row |= {"worth": bool(before.at[site, "worth"])}
    return rows


def report(table: pd.DataFrame) -> None:
    """The table by animal, and how often what was said came true."""
    lines, good = [], 0
    for animal, mine in table.groupby("animal"):
        worth = mine[mine["worth"]]
        reached = len(worth) == 0 or worth["gain"].median() >= 1
        good += reached
        lines.append([str(animal), *map(_several, (mine["gain"], mine["expected_gain"])), f"{len(worth)} of {len(mine)}",
                      f"{worth['gain'].median():.2f}" if len(worth) else "none was promised", "yes" if reached else "no"])  # fmt: skip
    show(
        "Gain over the best natural image, shown again",
        ["animal", "measured, by site", "expected", "worth images", "median of those", "as good, or said before"],
        lines,
    )
    told = table["worth"].to_numpy(bool)
    for name, some in (("said to be worth images", table[told]), ("said not to be", table[~told])):
        if len(some):
            gains = some["gain"].to_numpy()
            print(f"{len(some)} sites {name}: median gain {np.median(gains):.2f}, {np.mean(gains >= 1):.0%} at least 1")
    print(f"as good as the best natural image, or said before: {good} of {table['animal'].nunique()} animals")


def _several(values: pd.Series) -> str:
    return " ".join(f"{value:.2f}" for value in values)


if __name__ == "__main__":
    main()
