"""Psychometric functions: known thresholds found, levels mirrored, what they are of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from synthstim.analysis import ColumnCondition, Study, analyse_trials
from synthstim.analysis.answered.columns import as_one_table
from synthstim.analysis.psychometric import fit_curve, levels_of
from synthstim.analysis.psychometric.curve import target_of
from synthstim.analysis.simulated import balanced_plan
from synthstim.errors import InputError

LEVELS = np.repeat(np.arange(7.0), 60)


def answers_of(levels, *, threshold=3.0, sd=1.0, guess=0.5, lapse=0.02, seed=0):
    share = guess + (1 - guess - lapse) * stats.norm.cdf((levels - threshold) / sd)
    return np.random.default_rng(seed).random(len(levels)) < share


def test_a_known_function_is_found():
    curve = fit_curve(LEVELS, answers_of(LEVELS), guess=0.5)
    # psignifit's own interval, twice as wide, on either side: no threshold of 420 answers is off by more.
    low, high = curve.interval
    assert low - (high - low) / 2 < 3.0 < high + (high - low) / 2
    assert (curve.guess, curve.falls, curve.inside) == (0.5, False, True)
    assert curve.proportion(curve.threshold) == pytest.approx(curve.proportion_at_threshold)
    assert 0.65 < curve.proportion_at_threshold < 0.76
    shares = answers_of(LEVELS).reshape(7, 60).mean(axis=1)
    assert curve.correct / curve.trials == pytest.approx(shares)
    step = 1e-4
    slope = np.diff(curve.proportion(curve.threshold + np.array([-step, step])))[0] / (2 * step)
    assert curve.slope == pytest.approx(slope, rel=1e-3)


def test_mirrored_levels_give_the_mirrored_function():
    correct = answers_of(LEVELS)
    rises, falls = fit_curve(LEVELS, correct, guess=0.5), fit_curve(-LEVELS, correct, guess=0.5)
    assert falls.falls
    assert -falls.threshold == pytest.approx(rises.threshold)
    assert [-end for end in falls.interval[::-1]] == pytest.approx(rises.interval)
    assert falls.slope == pytest.approx(-rises.slope)
    assert falls.proportion(-LEVELS) == pytest.approx(rises.proportion(LEVELS))


@pytest.mark.parametrize(("sigmoid", "theirs_is"), [("normal", "norm"), ("logistic", "logistic"), ("gumbel", "gumbel")])
def test_the_same_as_psignifit_with_its_own_functions(sigmoid, theirs_is):
    from psignifit import psignifit

    correct = answers_of(LEVELS, guess=1 / 3)
    curve = fit_curve(LEVELS, correct, guess=1 / 3, sigmoid=sigmoid)
    data = np.column_stack([np.arange(7), correct.reshape(7, 60).sum(axis=1), [60] * 7])
    theirs = psignifit(data, sigmoid=theirs_is, experiment_type="3AFC", fixed_parameters={"eta": 1e-4}, verbose=False)
    assert curve.threshold == pytest.approx(theirs.parameter_estimate["threshold"], abs=1e-3)
    assert curve.interval == pytest.approx(theirs.confidence_intervals["threshold"]["0.95"], abs=1e-3)
    assert curve.proportion(curve.threshold) == pytest.approx(curve.proportion_at_threshold)


def test_an_unknown_shape_is_named():
    with pytest.raises(InputError, match="sigmoid is 'logit', did you mean 'logistic'"):
        fit_curve(LEVELS, answers_of(LEVELS), guess=0.5, sigmoid="logit")


def test_a_threshold_nearer_to_the_top_is_higher():
    correct = answers_of(LEVELS)
    half, upper = (fit_curve(LEVELS, correct, guess=0.5, target=target) for target in (0.5, target_of(0.85, 0.5)))
    assert upper.threshold > half.threshold
    assert upper.proportion_at_threshold == pytest.approx(0.5 + 0.7 * (0.5 - upper.lapse))
    assert np.isnan(target_of(0.4, 0.5))


def test_too_few_levels_or_answers_are_not_fitted():
    assert fit_curve([0, 1] * 50, [False, True] * 50, guess=0.5) is None
    assert fit_curve([0, 1, 2] * 4, [True] * 12, guess=0.5) is None


# What they are of.

STUDY = Study(
    tuple(
        ColumnCondition(f"{net}:{level}", values=(("net", net), ("contrast", str(level)))) for net in "ab" for level in (1, 2, 4, 8)
    ),
    ("first", "second"), 3, protocol="two_interval", task="2afc", columns=("net", "contrast"), slots=("one", "two"),
    stimuli={f"{net}{level}": {"match_db": str(10 * level)} for net in "ab" for level in (1, 2, 4, 8)},
)  # fmt: skip


def table(study=STUDY, participants=2, trials=30):
    rows = [
        (number, "main", trial, name, "first", name.replace(":", ""), f"ref{name[0]}")
        for number in range(1, participants + 1)
        for trial, name in enumerate(name for name in study.names for _ in range(trials))
    ]
    made = pd.DataFrame(rows, columns=["participant", "phase", "trial", "condition", "right", "one", "two"])
    levels = made["condition"].str.partition(":")[2].astype(float)
    correct = answers_of(levels.to_numpy())
    return as_one_table(made.assign(correct=correct, response=np.where(correct, "first", "second"), status="answered"))


def test_the_first_column_of_numbers_is_what_they_are_over():
    levels = levels_of(table(), STUDY)
    assert (levels.over, levels.curves, levels.guess) == ("contrast", ("a", "b"), 0.5)
    assert sorted(set(levels.table["level"])) == [1, 2, 4, 8]
    early = table()
    early = early[early["condition"].isin(["a:1", "a:2"])]
    assert levels_of(early, STUDY) is None
    with pytest.raises(InputError, match="contrast has fewer than 3 levels"):
        levels_of(early, STUDY, "contrast")


def test_a_column_of_the_stimuli_is_what_they_are_over():
    levels = levels_of(table(), STUDY, "match_db")
    assert sorted(set(levels.table["level"])) == [10, 20, 40, 80]
    assert levels.curves == ("a", "b")


def test_an_order_of_names_is_counted_through():
    named = ("conv1", "conv2", "fc")
    study = Study(
        tuple(ColumnCondition(name, None, name, (("layer", name),)) for name in ("natural", *named)), ("1", "2"), 2,
        protocol="x", columns=("layer",), task="2afc",
    )  # fmt: skip
    trials = balanced_plan(study, 10).assign(response="1", correct=True, status="answered")
    levels = levels_of(as_one_table(trials), study, "layer")
    assert levels.ranks == named
    assert sorted(set(levels.table["level"])) == [1, 2, 3]


def test_a_column_that_is_not_there_or_says_one_thing_is_refused():
    with pytest.raises(
        InputError, match="neither the conditions nor the stimuli have a column 'matchdb': did you mean 'match_db'"
    ):
        levels_of(table(), STUDY, "matchdb")
    with pytest.raises(InputError, match="net has fewer than 3 levels"):
        levels_of(table(), STUDY, "net")


def test_yes_is_plotted_where_yes_is_the_answer_and_chance_is_fitted():
    study = Study(STUDY.conditions, ("yes", "no"), 3, protocol="detect", task="yes_no", columns=STUDY.columns)
    rows = table().assign(right=["yes", "no"] * 240, response=["yes", "yes", "yes", "no"] * 120)
    levels = levels_of(as_one_table(rows), study)
    assert levels.guess is None
    assert len(levels.table) == 240
    assert levels.table["correct"].all()


def test_a_threshold_beyond_the_levels_is_said():
    low = table()
    low = low.assign(correct=(low["trial"] % 2 == 0), response=np.where(low["trial"] % 2 == 0, "first", "second"))
    found = analyse_trials(low, STUDY)
    assert [name for name, curve in found.curves.items() if not curve.inside] == [
        name
        for name in "ab"
        if f"The threshold of {name} lies beyond the levels that were given: it is a guess." in found.notes
    ]
    few = low.groupby(["participant", "condition"]).head(2)
    assert "Too few levels or answers for a psychometric function: a, b." in analyse_trials(few, STUDY).notes


def test_thresholds_of_participants_and_of_the_group_are_tables():
    found = analyse_trials(table(), STUDY)
    assert found.thresholds["curve"].tolist() == ["a", "b"]
    assert found.thresholds["participants"].tolist() == [2, 2]
    assert len(found.thresholds_by_participant) == 4
    each = found.thresholds_by_participant.groupby("curve")["threshold"].mean()
    assert found.thresholds["mean"].tolist() == pytest.approx(each.tolist())
    assert set(found.curves) == {"a", "b"}
