"""d' by the model of each task: published figures, simulated observers, inverses, intervals, biases."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from synthstim.analysis.sensitivity import TASKS, estimate_sensitivity, models_of
from synthstim.analysis.sensitivity.estimate import AnswerCounts
from synthstim.analysis.sensitivity.tables import jackknife
from synthstim.analysis.simulated.rules import RULES, rule_of
from synthstim.errors import InputError

# Every model with every number of answers that is common.
CASES = [
    (model, answers) for task in TASKS for answers in (2, 3, 4, 8) for model in models_of(task, answers)
    if task in ("identify", "match", "oddity") or answers == 2
]  # fmt: skip
NAMES = [f"{model.name}, {answers} answers" for model, answers in CASES]


def model_of(task: str, strategy: str, answers: int = 2):
    return next(model for model in models_of(task, answers) if model.strategy == strategy)


@pytest.mark.parametrize(
    ("task", "strategy", "answers", "sensitivity", "proportion", "digits"),
    [
        # Hacker & Ratcliff 1979, and table A5.7 of Macmillan & Creelman 2005.
        ("identify", "", 2, 0.95, 0.75, 2),
        ("identify", "", 3, 1.43, 0.75, 2),
        ("identify", "", 4, 1.68, 0.75, 2),
        ("2afc", "", 2, 1.0, 0.760, 3),
        # Frijters, Kooistra & Vereijken 1980, and Ennis 1993, of the triangular method.
        ("oddity", "differencing", 3, 1.0, 0.418, 3),
        ("oddity", "differencing", 3, 2.0, 0.605, 3),
        ("oddity", "largest", 3, 1.0, 0.634, 3),
    ],
)
def test_published_figures(task, strategy, answers, sensitivity, proportion, digits):
    found = float(model_of(task, strategy, answers).proportion(sensitivity, answers))
    assert found == pytest.approx(proportion, abs=0.6 * 10**-digits if digits == 3 else 0.002)


def test_closed_forms_of_same_different_and_abx():
    proportions = np.array([0.55, 0.7, 0.85, 0.95])
    independent = 2 * stats.norm.ppf((1 + np.sqrt(2 * proportions - 1)) / 2)
    assert model_of("same_different", "independent").sensitivity(proportions) == pytest.approx(independent, abs=1e-6)
    # A sample with two alternatives is X with A and B.
    for strategy in ("independent", "differencing"):
        abx, match = model_of("abx", strategy), model_of("match", strategy)
        assert abx.proportion([0.5, 2.0]) == pytest.approx(match.proportion([0.5, 2.0]))


@pytest.mark.parametrize(("model", "answers"), CASES, ids=NAMES)
def test_formulas_agree_with_observers_that_are_simulated(model, answers):
    generator, trials = np.random.default_rng(1), 40_000
    for sensitivity in (0.0, 0.8, 2.5):
        right = generator.integers(0, answers, trials)
        given = RULES[model.task, model.strategy](right, answers, np.full(trials, sensitivity), generator)
        expected = float(model.proportion(sensitivity, answers))
        error = np.sqrt(expected * (1 - expected) / trials)
        # Of some 100 comparisons one in 3000 fails by chance.
        assert abs((given == right).mean() - expected) < 4.7 * error


@pytest.mark.parametrize(("model", "answers"), CASES, ids=NAMES)
def test_sensitivity_undoes_proportion_and_rises(model, answers):
    values = np.array([0.1, 0.7, 1.5, 3.0, 5.0])
    proportions = model.proportion(values, answers)
    assert (np.diff(proportions) > 0).all()
    assert model.sensitivity(proportions, answers) == pytest.approx(values, abs=1e-5)
    assert float(model.proportion(0.0, answers)) == pytest.approx(1 / answers)
    below = float(model.sensitivity(0.6 / answers, answers))
    assert below < 0 if model.signed else below == 0
    assert np.isnan(model.sensitivity(np.nan, answers))


@pytest.mark.parametrize("model", [model for model, answers in CASES if model.two_rates and answers == 2], ids=str)
def test_a_bias_does_not_change_sensitivity(model):
    # Rates along the line of constant z(hits) - z(false alarms), or where that does not hold, of one criterion after the other.
    if model.strategy == "differencing" and model.task == "same_different":
        criterion = np.array([0.8, 1.5, 2.4])
        alarms = 2 * stats.norm.cdf(-criterion / np.sqrt(2))
        hits = stats.norm.cdf((2 - criterion) / np.sqrt(2)) + stats.norm.cdf((-2 - criterion) / np.sqrt(2))
    else:
        middle = stats.norm.ppf(model.proportion(2.0))
        hits, alarms = (stats.norm.cdf(sign * middle - np.array([-0.7, 0.0, 0.7])) for sign in (1, -1))
    found = [model.of_rates(hit, alarm) for hit, alarm in zip(hits, alarms, strict=True)]
    assert found == pytest.approx([2.0] * 3, abs=1e-5)


def test_a_participant_who_prefers_an_answer_has_a_bias_and_the_same_sensitivity():
    model, even = models_of("yes_no", 2)[0], AnswerCounts(200, 160, 100, 80, 100, 20)
    lax = AnswerCounts(200, 150, 100, 93, 100, 43)
    assert estimate_sensitivity(model, even).bias == pytest.approx(0)
    assert estimate_sensitivity(model, lax).bias < -0.5
    assert estimate_sensitivity(model, lax).value == pytest.approx(estimate_sensitivity(model, even).value, abs=0.1)


@pytest.mark.parametrize(("model", "answers"), CASES, ids=NAMES)
def test_all_right_and_all_wrong_are_finite(model, answers):
    for correct in (0, 20):
        half = correct // 2
        counts = AnswerCounts(20, correct, 10, half, 10, 10 - half)
        found = estimate_sensitivity(model, counts, answers)
        assert np.isfinite(found.value)
        assert found.low <= found.value <= found.high
    assert np.isnan(estimate_sensitivity(model, AnswerCounts(0, 0), answers).value)


@pytest.mark.parametrize(
    ("task", "answers"), [("yes_no", 2), ("2afc", 2), ("abx", 2), ("oddity", 3), ("same_different", 2)]
)
def test_intervals_cover_as_often_as_they_say(task, answers):
    generator, model = np.random.default_rng(5), models_of(task, answers)[0]
    covered = []
    for sensitivity, _ in itertools.product((1.5, 2.5), range(200)):
        right = np.arange(120) % answers
        given = rule_of(task)(right, answers, np.full(120, sensitivity), generator)
        signal = right == 0
        counts = AnswerCounts(
            120, int((given == right).sum()), int(signal.sum()), int((signal & (given == 0)).sum()), int((~signal).sum()),
            int((~signal & (given == 0)).sum()),
        )  # fmt: skip
        found = estimate_sensitivity(model, counts, answers)
        covered.append(found.low <= sensitivity <= found.high)
    # 95 %, less what a binomial of 400 falls short of once in 10,000 times, and half a percent for the approximation.
    assert np.mean(covered) > 0.905


def test_participants_are_the_random_unit_of_the_group():
    model = models_of("2afc", 2)[0]

    def group(*shares):
        return [
            AnswerCounts(1000, int(1000 * share), 500, int(500 * share), 500, int(500 * (1 - share)))
            for share in shares
        ]

    low, high = jackknife(model, group(0.6, 0.7, 0.8, 0.9), 2)
    alike = jackknife(model, group(0.75, 0.75, 0.75, 0.75), 2)
    assert high - low > 5 * (alike[1] - alike[0])
    assert alike[1] - alike[0] > 0.1
    assert np.isnan(jackknife(model, group(0.6, 0.7), 2)).all()


def test_an_unknown_task_is_named_and_one_without_a_model_has_none():
    with pytest.raises(InputError, match="no task is called 'odity': did you mean 'oddity'"):
        models_of("odity", 3)
    assert models_of("oddity", 4) == (model_of("oddity", "largest", 4),)
    assert models_of("none", 2) == models_of("yes_no", 3) == ()
    with pytest.raises(InputError, match="expected one of independent, differencing"):
        rule_of("abx", "lucky")
