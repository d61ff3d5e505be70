"""What predictions are worth, learned from stimuli that the read-outs were not fitted to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from encoding_fixture import maps_of, recorded, small, stimuli

from synthstim import InputError
from synthstim.encoding import fit_sites, load_fit, save_fit
from synthstim.encoding.expectation import Expectation


def test_a_promise_that_is_half_kept_is_trusted_by_half() -> None:
    predicted = np.random.default_rng(0).normal(10, 2, (200, 3))
    found = Expectation.of_held_out(predicted, predicted.mean(0) + 0.5 * (predicted - predicted.mean(0)))
    assert found.trust == pytest.approx([0.5] * 3)
    within = np.minimum(predicted, found.edge)
    assert found.expected(within) == pytest.approx(predicted.mean(0) + 0.5 * (within - predicted.mean(0)))


def test_beyond_what_is_known_a_promise_is_worth_less_and_doubted_more() -> None:
    predicted = np.random.default_rng(0).normal(10, 2, (200, 3))
    found = Expectation.of_held_out(predicted, predicted)
    assert found.trust == pytest.approx([1] * 3)
    steps = [found.expected(found.edge + away) - found.edge for away in (0.0, 5.0, 10.0)]
    assert steps[0] == pytest.approx([0] * 3)
    assert (steps[1] < 5).all()
    assert steps[2] == pytest.approx(2 * steps[1])
    assert (found.sd(found.edge + 10) > found.sd(found.edge + 5)).all()


@pytest.mark.parametrize("repeats", [5, 25])
def test_the_intervals_of_counts_cover_what_they_say(repeats: int) -> None:
    random = np.random.default_rng(repeats)
    rate = random.gamma(2.0, 4.0, (2000, 4))
    counts = random.poisson(np.repeat(rate[None], repeats, 0)).mean(0)
    found = Expectation.of_held_out(rate[:1000], counts[:1000])
    known = rate[1000:] < found.edge
    expected = found.expected(rate[1000:])
    assert found.sd(rate[1000:])[known].mean() == pytest.approx(np.sqrt(rate[1000:] / repeats)[known].mean(), rel=0.1)
    inside = np.abs(counts[1000:] - expected) < 1.2816 * found.sd(rate[1000:])
    assert 0.76 < inside[known].mean() < 0.84


def test_what_is_not_known_does_not_count() -> None:
    random = np.random.default_rng(1)
    predicted = random.normal(5, 1, (80, 2))
    measured = predicted + random.normal(0, 0.1, predicted.shape)
    known = predicted[:40], measured[:40]
    predicted[40:, 0] = measured[40:, 1] = np.nan
    whole, half = Expectation.of_held_out(predicted, measured), Expectation.of_held_out(*known)
    assert whole.trust == pytest.approx(half.trust)
    assert whole.base == pytest.approx(half.base)
    assert np.isnan(Expectation.of_held_out(predicted[:5], measured[:5]).trust).all()


@pytest.mark.parametrize("members", [None, "folds", "layers"])
def test_a_fit_says_what_to_expect_before_and_after_it_is_saved(members: str | None, tmp_path) -> None:
    observer = small()
    signal = maps_of(observer, 60, "1").mean((2, 3))[:, :2]
    fit = fit_sites(
        observer, recorded(signal), stimuli(60), ["1", "3"], shuffled=False, members=members, method="ridge"
    )
    table = fit.expect(stimuli(20))
    assert table["sd"].ge(0).all()
    assert (table["expected"] <= table[["predicted", "expected"]].max(axis=1)).all()
    save_fit(fit, tmp_path / "fit")
    loaded = load_fit(tmp_path / "fit", observer)
    np.testing.assert_allclose(loaded.expect(stimuli(20))["expected"], table["expected"], rtol=1e-5)
    old = replace(fit, table=fit.table.drop(columns="trust"))
    with pytest.raises(InputError, match="without expectations"):
        old.expect(stimuli(20))
