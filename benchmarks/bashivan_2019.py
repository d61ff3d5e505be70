"""Control of a simulated animal beside Bashivan et al. 2019: sites stretched, and driven alone; drawn as docs/papers/bashivan_2019.png.

    python benchmarks/bashivan_2019.py [--seed N] [--set NAME=N ...]

One animal of ``control.py``'s, of a seed that nothing was tuned on, in two of its arms; ``control.py`` has all of them, on several animals.
Figures go to docs/papers/bashivan_2019.tsv. One thread.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from control_arms import best_naturals, fraction, main_arm, one_hot, one_hot_picked
from control_lab import Lab, Measured, Plan

FIGURE = Path(__file__).parents[1] / "docs" / "papers" / "bashivan_2019.png"
TABLE = FIGURE.with_suffix(".tsv")
# Five images a site, as in the paper; less of the rest than in control.py, so that it takes minutes.
PLAN = replace(Plan(), drawn=18, sites=16, evaluations=80, copies=5, unseen=500)


def study(seed: int, plan: Plan) -> pd.DataFrame:
    """A row for each site and arm."""
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(plan, seed, Path(folder) / "lab", lambda step: print(step, flush=True))
        fit, held_out = lab.fit(lab.responses.only(sites=lab.sites))
        natural = Measured.of(lab.responses).only(lab.natural_ids)
        rows, _, _ = main_arm(lab, fit, best_naturals(natural, lab.sites))
        alone, stimuli, made = one_hot(lab, fit, natural)
        picked = one_hot_picked(lab, [(stimuli, made, "alone")], natural, arm="one-hot, picked", seed=100)
    for row in rows:
        row["held_out"] = held_out[row["site"]]
    return pd.DataFrame([*rows, *alone, *picked])


def figures(found: pd.DataFrame) -> dict[str, float]:
    """What the paper gives a figure for, and what it is compared with here."""
    stretched, alone, picked = (found[found["arm"] == arm] for arm in ("stretch", "one-hot", "one-hot, picked"))
    over = stretched["gain"] > 1
    return {
        "sites": len(stretched),
        "held-out r over ceiling, median": stretched["held_out"].median(),
        "above the best natural image, significantly": fraction(stretched.to_dict("records")),
        "above the best natural image at all": over.mean(),
        "gain, median": stretched["gain"].median(),
        "oracle's gain, median": (stretched["oracle"] / stretched["best_natural"]).median(),
        **{f"gain of {name}, median": stretched[name].median() for name in ("noise", "other_site", "model_picked")},
        "one-hot targets": len(alone),
        "one-hot above, significantly": fraction(alone.to_dict("records")),
        "one-hot share, median": alone["response"].median(),
        "best natural image's share, median": alone["best_natural"].median(),
        "one-hot above, the best measured shown again": fraction(picked.to_dict("records")),
    }


def draw(found: pd.DataFrame) -> None:
    figure, (one, two) = plt.subplots(1, 2, figsize=(11, 3.8), constrained_layout=True, width_ratios=(3, 2))
    stretched = found[found["arm"] == "stretch"].sort_values("gain").reset_index(drop=True)
    place = np.arange(len(stretched))
    one.bar(place, stretched["gain"], color="#24608a", label="made on the model")
    one.plot(
        place,
        stretched["oracle"] / stretched["best_natural"],
        "_",
        ms=14,
        color="#222222",
        label="the site's own gradient",
    )
    one.plot(place, stretched["noise"], "x", color="#8b9097", label="noise of equal spectrum")
    one.plot(place, stretched["other_site"], ".", color="#bf4428", label="made for another site")
    one.axhline(1, color="#222222", lw=0.8)
    one.set(xlabel="site", ylabel="response over the best natural image's", title="stretch", ylim=(0, 3), xticks=[])
    one.legend(fontsize=8)
    alone = found[found["arm"] == "one-hot"].sort_values("response").reset_index(drop=True)
    two.bar(alone.index, alone["response"], color="#24608a", label="made on the model")
    two.plot(alone.index, alone["best_natural"], "_", ms=18, color="#bf4428", label="best natural image")
    two.set(xlabel="target", ylabel="softmax share among sites of one field", title="one-hot", ylim=(0, 1), xticks=[])
    two.legend(fontsize=8)
    figure.savefig(FIGURE, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=201_905)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=N", help="of the plan, such as sites=20")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    found = study(
        asked.seed, replace(PLAN, **{name: int(value) for name, value in (one.split("=") for one in asked.set)})
    )
    found.to_csv(TABLE, sep="\t", index=False, float_format="%.4g")
    for name, value in figures(found).items():
        print(f"{name:50s} {value:.2f}")
    draw(found)


if __name__ == "__main__":
    main()
