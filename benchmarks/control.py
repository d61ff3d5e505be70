"""Population control of simulated animals: what images made on a fitted model do to sites that the model does not know.

The animals are made of SqueezeNet (synthstim.simulate), the model is EfficientNet-Lite0. One run prints every figure beside
its control or its goal. All of torch's threads are used: nothing here is a timing.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from control_arms import (
    Rows,
    best_naturals,
    fraction,
    levels,
    main_arm,
    one_hot,
    other_recording,
    shuffled_arm,
    suppressed,
)
from control_generations import LATER, later_generations
from control_lab import QUICK, Lab, Measured, Plan
from control_planted import planted

FIRST_SEED = 20_000


def main() -> None:
    """Run the animals one after the other, print, and write the figures."""
    arguments = _arguments()
    changes = {name: int(number) for name, number in (one.split("=") for one in arguments.set)}
    plan = replace(QUICK if arguments.quick else Plan(), **changes)
    started = time.monotonic()
    if arguments.quick:
        print("QUICK: too few images, repeats and sites for the figures to mean anything.")
    rows: Rows = [row for path in arguments.join for row in _read(path)]
    with tempfile.TemporaryDirectory() as folder:
        for number in () if arguments.join else arguments.only or range(arguments.animals or plan.animals):
            seed = FIRST_SEED + 100 * arguments.seed + number

            def tell(step: str, seed: int = seed) -> None:
                print(f"{(time.monotonic() - started) / 60:6.1f} min  animal {seed}: {step}", flush=True)

            found = _session(Lab(plan, seed, Path(folder) / str(seed), tell), planting=number == 0)
            rows += [{"animal": seed, **row} for row in found]
            _write(arguments, rows, plan, started)
    figures = _figures(rows)
    _print(figures, rows)
    print(f"{(time.monotonic() - started) / 60:.1f} minutes")


def _session(lab: Lab, *, planting: bool) -> Rows:
    """All arms of one animal."""
    fit, held_out = lab.fit(lab.responses.only(sites=lab.sites))
    lab.tell(f"held-out r over ceiling, median {held_out.median():.2f}")
    natural = Measured.of(lab.responses).only(lab.natural_ids)
    best = best_naturals(natural, lab.sites)
    some = [str(site) for site in np.random.default_rng(lab.seed).permutation(lab.sites)[: lab.plan.secondary]]
    rows, first, made = main_arm(lab, fit, best)
    lab.tell(f"stretch {fraction(rows):.2f} above the best natural image, gain {_median(rows, 'gain'):.2f}")
    rows += _scored("naturals", held_out)
    more, alone, answered = one_hot(lab, fit, natural)
    rows += more
    lab.tell(f"one-hot {fraction(more):.2f} above the best natural image")
    rows += suppressed(lab, fit, some, natural)
    rows += levels(lab, fit, some, natural)
    rows += shuffled_arm(lab, some, best)
    rows += later_generations(lab, some, best, natural, [(first, made), (alone, answered)])
    for arm in ("fano 2", "few images"):
        more, held_out = other_recording(lab, some, arm)
        rows += more
        rows += _scored(arm, held_out)
    if planting:
        rows += [{"arm": "planted", **row} for row in planted(lab)]
    return rows


def _scored(arm: str, held_out: pd.Series) -> Rows:
    """Held-out r over ceiling of each site of one recording."""
    return [{"arm": f"held out, {arm}", "site": site, "score": score} for site, score in held_out.items()]


def _read(path: Path) -> Rows:
    """The rows of a table that a run wrote."""
    table = pd.read_csv(path, sep="\t", na_values=["n/a"])
    return [{str(name): value for name, value in row.items() if pd.notna(value)} for row in table.to_dict("records")]


def _median(rows: Rows, key: str) -> float:
    return float(np.median([row[key] for row in rows]))


def _figures(rows: Rows) -> dict[str, Any]:
    """The figures with a goal, then the others."""
    arm = {name: [row for row in rows if row["arm"] == name] for name in dict.fromkeys(row["arm"] for row in rows)}
    out: dict[str, Any] = {
        "stretch_fraction": fraction(arm["stretch"]),
        "median_gain": _median(arm["stretch"], "gain"),
        "gain_over_oracle": _median(arm["stretch"], "gain_over_oracle"),
        "shuffled_fraction": fraction(arm["shuffled"]),
        "one_hot_fraction": fraction(arm["one-hot"]),
        "suppressed_fraction": float(np.mean([row["below"] for row in arm["suppress"]])),
        "level_spearman": _median(arm["levels"], "spearman"),
        **{f"generation{number}_gain": _median(arm[f"generation {number}"], "over_generation_1") for number in LATER},
        **{f"one_hot_generation{number}": fraction(arm[f"one-hot {number}"]) for number in LATER},
        **{f"one_hot_picked{number}": fraction(arm[f"one-hot picked {number}"]) for number in (1, *LATER)},
        "heldout_r": _median(arm["held out, naturals"], "score"),
        "sites": len(arm["stretch"]),
        "oracle_gain": _median([{"gain": row["oracle"] / row["best_natural"]} for row in arm["stretch"]], "gain"),
        "model_picked_gain": _median(arm["stretch"], "model_picked"),
        "noise_gain": _median(arm["stretch"], "noise"),
        "other_site_gain": _median(arm["stretch"], "other_site"),
        **_promises(arm["stretch"]),
        "level_error": _median(arm["levels"], "error"),
        "one_hot_share": _median(arm["one-hot"], "response"),
        "one_hot_share_natural": _median(arm["one-hot"], "best_natural"),
    }
    for name in (*(f"generation {number}" for number in LATER), "fano 2", "few images", "shuffled"):
        key = name.replace(" ", "_")
        out |= {f"{key}_stretch_fraction": fraction(arm[name]), f"{key}_median_gain": _median(arm[name], "gain")}
    for name in ("fano 2", "few images"):
        out[f"{name.replace(' ', '_')}_heldout_r"] = _median(arm[f"held out, {name}"], "score")
    for stage in dict.fromkeys(row["stage"] for row in arm.get("planted", [])):
        mine = [row for row in arm["planted"] if row["stage"] == stage]
        out[f"planted_{stage}_found"] = float(np.mean([row["found"] == row["planted"] for row in mine]))
        out[f"planted_{stage}_score"] = _median(mine, "score")
    return out


def _promises(rows: Rows) -> dict[str, float]:
    """What was said beforehand, beside what came of it."""
    worth = [row for row in rows if row["worth"]]
    poor = [row for row in rows if not row["worth"]]
    out = {name: _median(rows, name) for name in ("promise_over_measured", "predicted_over_measured")}
    out["sd_coverage"] = float(np.mean([row["covered"] for row in rows]))
    out["expected_gain"] = _median(rows, "expected_gain")
    out["worth_sites"] = len(worth)
    for name, some in (("worth", worth), ("not_worth", poor)):
        out[f"{name}_gain"] = _median(some, "gain") if some else float("nan")
    return out


_GOALS = {
    "stretch_fraction": "at least .68", "median_gain": "at least 1.3", "shuffled_fraction": "at most .05",
    "one_hot_fraction": "at least .76", "level_spearman": ".9", "one_hot_generation2": "at least .76", "one_hot_picked1": "at least .76", "generation2_gain": "above 1", "heldout_r": ".5 to .8",
    "oracle_gain": "1.5 to 2", "promise_over_measured": "at most 1.25", "sd_coverage": ".7 to .9",
}  # fmt: skip


def _print(figures: dict[str, Any], rows: Rows) -> None:
    for name, value in figures.items():
        print(f"{name:32s} {value:8.3f}  {_GOALS.get(name, '')}")
    gains = pd.DataFrame([row for row in rows if row["arm"] == "stretch"]).groupby("animal")["gain"]
    print(gains.describe().round(2).to_string())


def _write(arguments: argparse.Namespace, rows: Rows, plan: Plan, started: float) -> None:
    """After every animal, so that a run that is cut off leaves what it has."""
    if arguments.table:
        pd.DataFrame(rows).to_csv(arguments.table, sep="\t", index=False, na_rep="n/a", float_format="%.5g")
    if arguments.json:
        facts = {"seed": arguments.seed, "minutes": round((time.monotonic() - started) / 60, 1), "plan": vars(plan)}
        arguments.json.write_text(json.dumps(_figures(rows) | facts, indent=2) + "\n", encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="draws animals, crops, noise and starts anew")
    parser.add_argument(
        "--only", type=int, nargs="+", metavar="NUMBER", help="of the animals, from 0: several processes share a run"
    )
    parser.add_argument(
        "--join", type=Path, nargs="+", default=[], metavar="TABLE", help="only print, of tables that runs wrote"
    )
    parser.add_argument("--animals", type=int, help="how many, 3 by default")
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=N", help="of the plan, such as sites=20 evaluations=80"
    )
    parser.add_argument("--quick", action="store_true", help="minutes, to see that it runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write a row for each site and arm there, TSV")
    return parser.parse_args()


if __name__ == "__main__":
    main()
