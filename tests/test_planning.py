"""How many participants an experiment needs for d' to be known."""

from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from synthstim.analysis import analyse_trials
from synthstim.analysis.planning import plan_sensitivity, study_to_plan
from synthstim.analysis.simulated import Skill, balanced_plan, simulate_answers, study_of
from synthstim.cli import app
from synthstim.errors import InputError


def plan(task="oddity", sensitivities=(0.5, 1.5, 1.5), **options):
    names = [f"layer{place}" for place in range(len(sensitivities))]
    options = {"trials": 30, "participants": (10,), "repeats": 200} | options
    return plan_sensitivity(study_of(task, names), dict(zip(names, sensitivities, strict=True)), **options)


def test_more_participants_and_more_trials_tell_more():
    few, many = (plan(participants=(count,)) for count in (6, 24))
    short, long = (plan(trials=trials) for trials in (20, 80))
    for less, more in ((few, many), (short, long)):
        assert (more["half_width"] < 0.8 * less["half_width"]).all()
        assert more["power"][1] >= less["power"][1]
    assert np.isnan(few["power"][0])


@pytest.mark.parametrize("task", ["yes_no", "2afc", "identify"])
def test_no_difference_is_found_as_often_as_five_percent(task):
    table = plan(task, (0.0, 0.0), trials=40, participants=(12,), repeats=1000, spread=0.2)
    # 5 % of 1000 studies, and four of their standard errors; half of it above chance, 2.5 %.
    assert table["power"][1] < 0.05 + 4 * 0.007
    assert (table["above_chance"] < 0.025 + 4 * 0.005).all()


def test_the_plan_is_what_analyses_of_simulated_experiments_have():
    study, sensitivities = study_of("abx", ["low", "high"], participants=12), {"low": 1.0, "high": 2.0}
    table = plan_sensitivity(study, sensitivities, trials=40, participants=(12,), spread=0.3, repeats=400).set_index(
        "condition"
    )
    widths = []
    for seed in range(6):
        trials = simulate_answers(
            balanced_plan(study, 40, seed=seed), study, Skill(sensitivities, spread=0.3), seed=seed
        )
        found = analyse_trials(trials, study).sensitivity
        own = found[found["strategy"] == "independent"].set_index("condition")
        widths.append((own["high"] - own["low"]) / 2)
    for name in sensitivities:
        # Six widths scatter by about a fifth, their median by a tenth.
        assert np.median([width[name] for width in widths]) == pytest.approx(table.loc[name, "half_width"], rel=0.4)


def test_strategies_need_different_numbers():
    independent, differencing = (
        plan("same_different", (1.5, 1.5), strategy=name) for name in ("independent", "differencing")
    )
    assert (differencing["proportion"] < independent["proportion"]).all()


def test_what_is_planned_is_found_by_its_name(tmp_path):
    assert study_to_plan("2afc", ["a"]).answers == ("first", "second")
    assert study_to_plan("oddity", ["a", "b"]).names == ("a", "b")
    assert study_to_plan("same_different", ["a"]).task == "same_different"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: study_to_plan("odity", ["a"]), "expected an exported experiment, a protocol or a task: did you mean 'oddity'"),
        (lambda: study_to_plan("passive_fixation", ["a"]), "has no d': nothing is right in it"),
        (lambda: study_to_plan("oddity", []), "name each condition once"),
        (lambda: plan(participants=(2,)), "2 participants, 30 trials in each condition, .* expected 3, 2 and 1 or more"),
        (lambda: plan(strategy="lucky"), "no strategy of oddity is called 'lucky'"),
        (lambda: plan_sensitivity(study_of("abx", ["a", "b"]), {"a": 1}, trials=10), "no d' given for b: give a number"),
        (lambda: study_of("triangle", ["a"]), "the task 'triangle' given; expected one of yes_no, 2afc"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned_is_one_sentence(wrong, said):
    with pytest.raises(InputError, match=said) as caught:
        wrong()
    assert "\n" not in str(caught.value)


def test_the_command_plans_by_d_prime():
    words = [
        "power",
        "oddity",
        "--d-prime",
        "early=0.5",
        "--d-prime",
        "late=2",
        "--participants",
        "4,8",
        "--repeats",
        "5",
    ]
    done = CliRunner().invoke(app, [*words, "--trials", "20"], env={"COLUMNS": "120"}, catch_exceptions=False)
    assert [line.split()[:3] for line in done.output.splitlines() if "late" in line] == [
        ["4", "late", "2"],
        ["8", "late", "2"],
    ]
    assert "--trials" in str(CliRunner().invoke(app, words).exception)
    assert "expected --expect or --d-prime" in str(
        CliRunner().invoke(app, ["power", "oddity", "--trials", "9"]).exception
    )
