"""The gain to expect of controllers, said before an evening is spent on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from encoding_fixture import crops, names
from loop_fixture import SITES, WINDOW, network, rates

from synthstim import InputError
from synthstim.encoding import fit_sites
from synthstim.modalities.image import write_png
from synthstim.production import expected_gains
from synthstim.production.expected_gain import said_of
from synthstim.responses import from_array
from synthstim.stimulus_set import StimulusSet, adopt

COUNT = 80


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory):
    """Three channels of a trained network that count spikes, a site that answers everything alike, and their set."""
    folder = tmp_path_factory.mktemp("gain")
    (folder / "images").mkdir()
    for name, crop in zip(names(COUNT), crops(COUNT, 64), strict=True):
        write_png(folder / "images" / f"{name}.png", crop)
    adopt(folder / "images", folder / "set")
    shown = StimulusSet.read(folder / "set")
    rate = np.concatenate([rates(shown), np.full((COUNT, 1), 6.0)], 1)
    counts = np.random.default_rng(0).poisson(rate, (10, *rate.shape)).astype(float)
    ids = [str(name) for name in shown.table["stimulus_id"]]
    responses = from_array(counts, stimulus_ids=ids, sites=[*SITES, "noise"], window_s=WINDOW)
    return fit_sites(network(), responses, shown, ["blocks.1"], shuffled=False, method="ridge"), responses, shown


@pytest.fixture(scope="module")
def gains(fitted):
    return expected_gains(*fitted).set_index("site")


def test_sites_that_the_model_holds_are_worth_images_and_noise_is_not(fitted, gains) -> None:
    assert gains.loc[list(SITES), "worth"].any()
    assert not gains.at["noise", "worth"]
    assert (gains["low"] < gains["gain"]).all()
    assert (gains["gain"] < gains["high"]).all()
    # The best of noisy means is no more than what was measured.
    means = fitted[1].trials.groupby(["site", "stimulus_id"], observed=True)["response"].mean()
    assert (gains["best_natural"] <= means.groupby("site", observed=True).max()[gains.index] + 1e-9).all()
    assert f"at {gains['worth'].sum()} of 4 sites" in said_of(gains)


def test_none_that_is_worth_it_is_said(gains) -> None:
    alone = gains[~gains["worth"]]
    assert len(alone) == 1
    assert "to be expected at the site: show more" in said_of(alone)
    assert "at any of 2 sites" in said_of(pd.concat([alone, alone]))


def test_what_it_cannot_know_is_refused(fitted) -> None:
    fit, responses, shown = fitted
    with pytest.raises(InputError, match="without expectations"):
        expected_gains(replace(fit, table=fit.table.drop(columns="trust")), responses, shown)
    other = responses.renamed({name: f"x{name}" for name in responses.stimulus_ids})
    with pytest.raises(InputError, match="no stimulus of these sets was recorded"):
        expected_gains(fit, other, shown)
