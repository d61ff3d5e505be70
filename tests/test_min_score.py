"""Sites that a fit does not predict get no stimuli unless they are asked for by name, and then with a warning."""

from __future__ import annotations

from pathlib import Path

import pytest
from encoding_fixture import maps_of, planted, recorded, small, stimuli

from synthstim.encoding import Fit, fit_sites, save_fit
from synthstim.errors import InputError
from synthstim.production.scores import controlled_sites, scores_for
from synthstim.recipe import Recipe

SITES = ("site0", "site1", "site2")


def recipe(unit: dict, **changes: object) -> Recipe:
    entry = {"name": "up", "kind": "controller", "goal": "drive", "unit": unit}
    return Recipe.from_dict({"observer": "fit:nowhere", "stimuli": [entry], **changes})


@pytest.fixture(scope="module")
def fit() -> Fit:
    observer = small()
    signal = planted(maps_of(observer, 40, "2"), 3)[0]
    return fit_sites(observer, recorded(signal), stimuli(40), ["2"], folds=4, method="ridge")


def test_scores_come_from_the_fit_that_is_given_or_named(fit: Fit, tmp_path: Path) -> None:
    assert set(scores_for(recipe({"sites": "all"}), fit)) == set(SITES)
    save_fit(fit, tmp_path / "fit")
    named = recipe({"sites": "all"}, observer=f"fit:{tmp_path / 'fit'}")
    assert scores_for(named, None) == pytest.approx(fit.scores)
    assert scores_for(named, fit.observer) == {}
    assert scores_for(recipe({"sites": "all"}), None) == {}


def test_all_leaves_out_what_is_not_predicted_and_says_so() -> None:
    scores = {"site0": 0.6, "site1": -0.145, "site2": float("nan")}
    with pytest.warns(UserWarning, match=r"left out: site1 \(-0.145\), site2 \(nan\); held-out scores are below"):
        assert controlled_sites(recipe({"sites": "all"}), SITES, scores) == ("site0",)
    assert controlled_sites(recipe({"sites": "all"}), SITES, {}) == SITES
    assert controlled_sites(recipe({"sites": "all"}, min_score=-0.2), SITES[:2], scores) == SITES[:2]
    with pytest.raises(InputError, match=r"no site has a held-out score of 0.7 or more \(site0 \(0.6\), site1"):
        controlled_sites(recipe({"sites": "all"}, min_score=0.7), SITES[:2], scores)


@pytest.mark.parametrize("unit", [{"site": "site1"}, {"sites": ["site0", "site1"]}])
def test_a_site_that_is_named_is_made_with_a_warning(unit: dict) -> None:
    with pytest.warns(UserWarning, match=r"stimuli for site1 \(-0.145\) would say little"):
        controlled_sites(recipe(unit), SITES, {"site0": 0.6, "site1": -0.145})
