"""How well the analysis finds what simulated participants can do: bias and coverage over many experiments.

    python benchmarks/recovery.py [--experiments 200]

Every experiment is drawn by the rule of its task, observation by observation, and analysed as an exported one is.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from synthstim.analysis import analyse_trials
from synthstim.analysis.answered.columns import as_one_table
from synthstim.analysis.answered.participants import list_participants
from synthstim.analysis.answered.study import ColumnCondition, Study
from synthstim.analysis.answered.trials import Trials
from synthstim.analysis.psychometric import fit_curve
from synthstim.analysis.sensitivity.models import TASKS, models_of
from synthstim.analysis.sensitivity.tables import sensitivity_by_condition, sensitivity_by_participant
from synthstim.analysis.simulated import Skill, balanced_plan, simulate_answers, study_of
from synthstim.experiment.design.method import QuestPlusMethod, UpDownMethod, WeightedMethod
from synthstim.experiment.runtime.adaptive import Track

SENSITIVITIES = {"0.5": 0.5, "1": 1.0, "1.5": 1.5, "2.5": 2.5}
PARTICIPANTS, TRIALS, SPREAD = 15, 60, 0.3


def recover(
    task: str, strategy: str, experiments: int, *, participants: int = PARTICIPANTS, trials: int = TRIALS
) -> pd.DataFrame:
    """Bias and coverage of d' in each condition: (condition, true, pooled, pooled_covers, mean, mean_covers)."""
    study = study_of(task, list(SENSITIVITIES), participants=participants)
    skill = Skill(SENSITIVITIES, spread=SPREAD, strategy=strategy)
    found = []
    for seed in range(experiments):
        trial = as_one_table(simulate_answers(balanced_plan(study, trials, seed=seed), study, skill, seed=seed))
        people = list_participants(Trials(trial), study)
        table = sensitivity_by_condition(trial, people, study, sensitivity_by_participant(trial, people, study))
        found.append(table[table["strategy"] == strategy])
    rows = pd.concat(found)
    rows["true"] = rows["condition"].map(SENSITIVITIES)
    rows["pooled_covers"] = (rows["low"] <= rows["true"]) & (rows["true"] <= rows["high"])
    rows["mean_covers"] = (rows["mean_low"] <= rows["true"]) & (rows["true"] <= rows["mean_high"])
    grouped = rows.groupby("true")
    return pd.DataFrame(
        {
            "pooled_bias": grouped["d_prime"].mean() - list(SENSITIVITIES.values()), "pooled_covers": grouped["pooled_covers"].mean(),
            "mean_bias": grouped["mean"].mean() - list(SENSITIVITIES.values()), "mean_covers": grouped["mean_covers"].mean(),
        }
    ).reset_index()  # fmt: skip


def recover_thresholds(experiments: int, *, trials: int = 40, guess: float = 0.5) -> dict[str, float]:
    """Bias and coverage of the threshold of one participant, of eight levels."""
    generator, levels = np.random.default_rng(0), np.linspace(0, 1, 8)
    found = []
    for _ in range(experiments):
        x = np.repeat(levels, trials)
        share = guess + (1 - guess - 0.02) * stats.norm.cdf((x - 0.5) / 0.15)
        curve = fit_curve(x, generator.random(len(x)) < share, guess=guess)
        assert curve is not None
        found.append((curve.threshold, curve.interval[0] <= 0.5 <= curve.interval[1], curve.width))
    thresholds, covered, widths = map(np.array, zip(*found, strict=True))
    width = 0.15 * (stats.norm.ppf(0.95) - stats.norm.ppf(0.05))
    return {
        "bias": float(thresholds.mean() - 0.5), "sd": float(thresholds.std(ddof=1)), "covers": float(covered.mean()),
        "width_bias": float(np.median(widths) - width), "width": float(width),
    }  # fmt: skip


def recover_tracks(experiments: int, *, trials: int = 60, sd: float = 0.15) -> pd.DataFrame:
    """Bias and coverage of thresholds where answers choose the levels: what the rule itself finds, and the fit to its answers."""
    levels, generator = [round(0.05 * step, 2) for step in range(21)], np.random.default_rng(1)
    candidates = [{"level": level, "pair": "p", "a": "a", "b": "b", "c": "c"} for level in levels]
    shared: dict[str, Any] = {"over": "level", "easier": "high", "trials": trials}
    # Three right answers in a row settle where their probability is a half.
    methods = {
        "staircase, 3 down 1 up": (UpDownMethod(kind="staircase", **shared), 0.5 ** (1 / 3)),
        "weighted, 3 to 1": (WeightedMethod(kind="weighted", **shared), 0.75),
        "QUEST+": (QuestPlusMethod(kind="questplus", **shared), 0.75),
    }
    rows = []
    for name, (method, proportion) in methods.items():
        # Of 2 % lapses, as QUEST+ supposes.
        reached = (proportion - 0.5) / 0.48
        true = 0.5 + sd * stats.norm.ppf(reached)
        found = []
        for run in range(experiments):
            track, shown, right = Track(method.rule(levels, 0, 0.5), candidates, str(run)), [], []
            while not track.finished:
                level = track.next()["level"]
                right.append(bool(generator.random() < 0.5 + 0.48 * stats.norm.cdf((level - 0.5) / sd)))
                shown.append(level)
                own = track.answer(right[-1])["track_threshold"]
            curve = fit_curve(shown, right, guess=0.5, target=reached, span=(0, 1), falls=False)
            if curve is not None and own is not None:
                found.append((own, curve.threshold, curve.interval[0] <= true <= curve.interval[1]))
        owns, fitted, covered = map(np.array, zip(*found, strict=True))
        # QUEST+ has the middle of the function.
        own_true = 0.5 if name == "QUEST+" else true
        rows.append(
            (name, len(found), owns.mean() - own_true, owns.std(), fitted.mean() - true, fitted.std(), covered.mean())
        )
    return pd.DataFrame(rows, columns=["rule", "runs", "own_bias", "own_sd", "fit_bias", "fit_sd", "fit_covers"])


def recover_proportions(experiments: int) -> pd.DataFrame:
    """Coverage of the proportions' intervals, of participants who differ."""
    study = Study(
        (ColumnCondition("one"),), ("first", "second"), PARTICIPANTS, protocol="2afc", task="2afc", columns=()
    )
    covered = []
    for seed in range(experiments):
        table = analyse_trials(
            simulate_answers(balanced_plan(study, TRIALS, seed=seed), study, Skill(1.0, spread=SPREAD), seed=seed),
            study,
        ).by_condition.iloc[0]
        # The mean over participants of the proportions, not the proportion of the mean participant.
        true = stats.norm.cdf(1 / np.sqrt(2 + SPREAD**2))
        covered.append((table["proportion"] - true, table["low"] <= true <= table["high"]))
    return pd.DataFrame([np.mean(covered, axis=0)], columns=["bias", "covers"])


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--experiments", type=int, default=200)
    experiments = given.parse_args().experiments
    print(
        f"{experiments} experiments of {PARTICIPANTS} participants, {TRIALS} trials a condition, d' with a spread of {SPREAD}\n"
    )
    print(f"adaptive, one participant, 60 answers\n{recover_tracks(experiments).round(4).to_string(index=False)}\n")
    for task in TASKS:
        answers = len(study_of(task, ["one"]).answers)
        for model in models_of(task, answers):
            print(f"{model.name}\n{recover(task, model.strategy, experiments).round(3).to_string(index=False)}\n")
    print(f"proportion correct\n{recover_proportions(experiments).round(4).to_string(index=False)}\n")
    print("threshold", {name: round(value, 4) for name, value in recover_thresholds(experiments).items()})


if __name__ == "__main__":
    main()
