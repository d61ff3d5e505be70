"""Random read-outs of an observer's own layers, as sites that images are made for before anything is recorded."""

import numpy as np
import pytest
import torch
from encoding_fixture import small, stimuli

from synthstim import InputError
from synthstim.encoding import STANDARDISED, load_fit, random_sites, save_fit

LAYERS = ["1", "3"]


def test_sites_are_known_exactly_and_shared_out_among_layers():
    fit = random_sites(small(), stimuli(40), LAYERS, 5, seed=2)
    assert fit.table["layer"].tolist() == ["1", "1", "1", "3", "3"]
    assert (fit.table[["r", "score"]] == 1).all(axis=None)
    read = fit.predict(stimuli(40)).pivot(index="stimulus_id", columns="site", values="predicted")
    np.testing.assert_allclose(read.mean()[list(fit.sites)], fit.table["mean"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(read.std(ddof=0)[list(fit.sites)], fit.table["spread"], rtol=1e-4)


def test_a_site_is_a_field_times_six_channels_on_one_scale():
    observer = small()
    shown = stimuli(40)
    fit = random_sites(observer, shown, ["1"], 8)
    readout = fit.observer.module.sites.readouts[0]
    assert ((readout.channels != 0).sum(1) == min(6, readout.channels.shape[1])).all()
    assert (readout.centre.abs() <= 0.5).all()
    z = fit.observer.activations(shown.batch(range(40)), [STANDARDISED])[STANDARDISED]
    torch.testing.assert_close(z.mean(0), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(z.std(0, correction=0), torch.ones(8), atol=1e-4, rtol=0)


def test_the_seed_draws_them_and_a_folder_keeps_them(tmp_path):
    observer, shown = small(), stimuli(24)
    fit = random_sites(observer, shown, LAYERS, 4, seed=1)
    again, other = (random_sites(observer, shown, LAYERS, 4, seed=seed) for seed in (1, 2))
    told = fit.predict(shown)["predicted"].to_numpy()
    assert np.array_equal(told, again.predict(shown)["predicted"].to_numpy())
    assert not np.allclose(told, other.predict(shown)["predicted"].to_numpy())
    save_fit(fit, tmp_path / "probes")
    loaded = load_fit(tmp_path / "probes", observer)
    np.testing.assert_allclose(loaded.predict(shown)["predicted"], told, rtol=1e-5)
    assert loaded.scores == fit.scores


@pytest.mark.parametrize(
    ("layers", "count", "said"),
    [(LAYERS, 1, "1 random sites of 2 layers"), (["output"], 3, "no grid"), (["nothing"], 3, "no layer")],
)
def test_what_cannot_be_drawn_is_said(layers, count, said):
    with pytest.raises(InputError, match=said):
        random_sites(small(), stimuli(12), layers, count)
