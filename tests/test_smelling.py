"""Models of smelling: against the recordings, an independent implementation, and the laws of what they claim."""

import sys

import numpy as np
import pytest
import torch

from synthstim.errors import InputError
from synthstim.models import load_model
from synthstim.models.smelling.antenna import Antenna
from synthstim.models.smelling.hallem2006 import recordings
from synthstim.models.smelling.olsen2010 import DivisiveNormalisation
from synthstim.models.smelling.prototypes import prototypes

drosolf = pytest.importorskip("drosolf.pns")


def test_an_odorant_alone_gives_the_recorded_rates_and_clean_air_the_spontaneous_ones():
    held, observer = recordings(), load_model("fly-antenna").to(dtype=torch.float64)
    rates = observer.activations(torch.eye(110, dtype=torch.float64), ["antenna"])["antenna"]
    np.testing.assert_allclose(rates, held.responses, atol=1e-3)
    air = observer.activations(torch.zeros(1, 110, dtype=torch.float64), ["antenna"])["antenna"]
    np.testing.assert_allclose(air[0], held.spontaneous, atol=1e-3)


def test_projection_neurons_answer_as_in_an_independent_implementation():
    rates = recordings().responses
    ours = DivisiveNormalisation()(torch.from_numpy(rates))
    np.testing.assert_allclose(ours, drosolf.pns().to_numpy(), rtol=1e-9, atol=1e-9)


def test_rates_rise_with_concentration_and_never_beyond_the_most():
    antenna = Antenna(prototypes(8, 5), np.zeros(5), most=1.0).double()
    doses = torch.logspace(-3, 0, 20, dtype=torch.float64)[:, None] * torch.ones(1, 8, dtype=torch.float64)
    rates = antenna(doses)
    assert (rates.diff(dim=0) > 0).all()
    assert rates.max() < 1


def test_a_tenth_of_the_kenyon_cells_answers_and_each_hears_seven():
    observer = load_model("fly-antenna")
    cells = observer.activations(torch.eye(110), ["kc"])["kc"]
    assert float((cells > 0).float().mean()) == pytest.approx(0.1, abs=0.001)
    assert ((observer.module.claws.weight > 0).sum(1) == 7).all()


def test_without_the_recordings_a_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "drosolf", None)
    with pytest.raises(InputError, match=r"drosolf, which is not installed: pip install 'synthstim\[smell\]'"):
        load_model("fly-antenna")


@pytest.mark.parametrize("asked", [{"size": (8, 8)}, {"seconds": 1.0}, {"rate": 16_000}])
def test_what_belongs_to_images_and_sounds_is_refused(asked):
    with pytest.raises(InputError, match="fly-antenna is given odours"):
        load_model("fly-antenna", **asked)


@pytest.mark.filterwarnings("ignore:fly-antenna has RANDOM weights")
def test_weights_are_refused_where_there_are_none():
    with pytest.raises(InputError, match="fly-antenna has no weights"):
        load_model("fly-antenna", weights="random")
