"""Models of smelling: against the recordings, an independent implementation, and the laws of what they claim."""

import re
import sys
from functools import partial

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from synthstim.catalogue import SMELLING
from synthstim.errors import InputError
from synthstim.kinds import TRAININGS
from synthstim.models import load_model
from synthstim.models.smelling.antenna import Antenna
from synthstim.models.smelling.hallem2006 import recordings
from synthstim.models.smelling.olfaction import WEIGHTS
from synthstim.models.smelling.olsen2010 import DivisiveNormalisation
from synthstim.models.smelling.prototypes import prototypes
from synthstim.models.smelling.wiring import threshold_of, wiring
from synthstim.production import make, observer_of_set
from synthstim.training import Training, train
from synthstim.training.olfaction import OdourTask, OlfactionSettings, fit
from synthstim.verify import check_set

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


@pytest.mark.parametrize("name", list(SMELLING))
def test_diluted_is_the_same_odour_weaker(name):
    as_given = load_model(name).to(dtype=torch.float64)
    weaker = load_model(name, settings={"diluted": 0.1}).to(dtype=torch.float64)
    odours = torch.rand(3, *as_given.input.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    odours.requires_grad_()
    read, wanted = (
        one.activations(given, as_given.stages) for one, given in ((weaker, odours), (as_given, 0.1 * odours))
    )
    for stage in as_given.stages:
        torch.testing.assert_close(read[stage], wanted[stage])
    (gradient,) = torch.autograd.grad(read["antenna"].sum(), odours)
    assert (gradient != 0).any(1).all()
    assert weaker.opening == {"name": name, "settings": {"diluted": 0.1}}
    assert weaker.input.unprocessed == as_given.input


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"diluted": 0}, "diluted 0 given; expected more than 0, at most 1"),
        ({"diluted": 10}, "diluted 10 given; expected more than 0, at most 1"),
        ({"diluted": "a tenth"}, "diluted 'a tenth' given; expected more than 0, at most 1"),
        ({"dilution": 0.1}, "the setting 'dilution' of olfaction given; expected diluted"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(InputError, match=said):
        load_model("olfaction", settings=settings)


def test_one_odour_is_made_for_several_concentrations(tmp_path):
    shares = {"full": 1.0, "tenth": 0.1}
    recipe = {
        "observers": {key: {"name": "olfaction", "settings": {"diluted": share}} for key, share in shares.items()},
        "stimuli": [
            {
                "name": "cell", "kind": "controller", "goal": "drive_all", "constraints": {"most_odorants": 2},
                "units": [{"layer": f"{key}.pn", "channel": 0} for key in shares], "evaluations": 3000,
            }
        ],
    }  # fmt: skip
    stimuli = make(recipe, tmp_path / "set")
    odour = torch.from_numpy(stimuli.stimulus(stimuli.table["file"].iloc[0]))[None]
    several = observer_of_set(stimuli)
    for key, share in shares.items():
        alone = load_model("olfaction").activations(share * odour, ["pn"])["pn"]
        torch.testing.assert_close(several.activations(odour, [f"{key}.pn"])[f"{key}.pn"], alone)
        assert (alone[0, 0] > 0).all()
    assert check_set(stimuli, several).problems == []


@pytest.mark.filterwarnings("ignore:fly-antenna has RANDOM weights")
def test_weights_are_refused_where_there_are_none():
    with pytest.raises(InputError, match="fly-antenna has no weights"):
        load_model("fly-antenna", weights="random")


@pytest.fixture(scope="module")
def olfaction():
    return load_model("olfaction")


def test_the_carried_network_is_wired_as_the_paper_found(olfaction):
    found = wiring(olfaction.module)
    assert found.glomerular_score > 0.9
    assert found.types == 50
    assert 5 <= found.inputs <= 9
    assert WEIGHTS.stat().st_size < 5_000_000


def test_the_carried_network_names_odours_that_it_was_not_trained_on(olfaction):
    patterns, labels = OdourTask(seed=77).batch(4000)
    with torch.no_grad():
        correct = (olfaction.module.smell(patterns).argmax(1) == labels).float().mean()
    # 83 % of 50,000; four standard errors of 4,000 are 2.4 %.
    assert correct > 0.8


def test_each_prototype_alone_is_its_class(olfaction):
    decided = olfaction.decide(torch.eye(100))
    assert sum(name == own for name, own in zip(decided, olfaction.input.odorants, strict=True)) >= 98


def test_threshold_parts_the_heaps_of_a_pruned_distribution():
    weights = np.where(np.arange(1000) % 7 == 0, 0.1 + np.arange(1000) / 5000, 0.0)
    assert ((weights > threshold_of(weights)) == (weights > 0)).all()


SHORT = OlfactionSettings(kenyon_cells=30, steps=60, batch=64, held_out=500)


def test_a_short_training_learns_and_is_the_seed_s_alone():
    state, curve = fit(0, 2, lambda share, text: None, SHORT)
    again, _ = fit(0, 2, lambda share, text: None, SHORT)
    assert curve[1]["loss"] < curve[0]["loss"]
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert all((state[name] >= 0).all() for name in ("glomeruli.weight", "claws.weight"))
    claws = state["claws.weight"]
    assert not ((claws > 0) & (claws <= SHORT.pruned)).any()


def test_trained_weights_are_read_as_a_file(tmp_path, monkeypatch):
    monkeypatch.setitem(TRAININGS._loaded, "olfaction", Training(partial(fit, settings=SHORT), epochs=1))
    shares = []
    made = train("olfaction", tmp_path / "mine.safetensors", seed=3, watch=lambda share, text: shares.append(share))
    assert shares[-1] == 1
    assert len(made.curve) == 1 == len((tmp_path / "mine.tsv").read_text().splitlines()) - 1
    assert load_model("olfaction", weights=made.path).layers["kc"] == (30,)
    with pytest.raises(InputError, match=r"mine\.safetensors"):
        train("olfaction", made.path)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"name": "olfactoin"}, "the training 'olfactoin' is unknown: did you mean 'olfaction'"),
        ({"out": "mine.pth"}, "mine.pth is not a name for weights"),
        ({"epochs": 0}, "0 epochs given; expected at least 1"),
    ],
)
def test_what_cannot_be_trained_is_refused(tmp_path, how, said):
    given = {"name": "olfaction", "out": "mine.safetensors"} | how
    with pytest.raises(InputError, match=re.escape(said)):
        train(given.pop("name"), tmp_path / given.pop("out"), **given)


def test_weights_of_another_network_are_refused(tmp_path):
    save_file({"conv.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other\.safetensors does not fit the model: it lacks 'claws\.weight'"):
        load_model("olfaction", weights=tmp_path / "other.safetensors")
