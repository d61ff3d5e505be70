"""The network of heads: what the carried weights recover, how views are alike at its stages, and its training."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import yildirim_2020
from safetensors.torch import save_file

from synthstim.errors import InputError
from synthstim.kinds import TRAININGS
from synthstim.models import load_model
from synthstim.models.seeing.faces import GROUPS, WEIGHTS
from synthstim.training import Training, train
from synthstim.training.faces import FacesSettings, Heads, fit, recovery


@pytest.fixture(scope="module")
def faces():
    return load_model("faces")


def test_the_carried_network_recovers_heads_that_it_was_not_trained_on(faces):
    assert WEIGHTS.stat().st_size < 5_000_000
    found = recovery(faces.module, *Heads(seed=55).batch(400))
    faces.module.eval()
    # Of 4,096 heads: 0.53, 0.81, 0.99 and 0.98.
    assert found["shape"] > 0.45
    assert found["albedo"] > 0.75
    assert min(found["pose"], found["light"]) > 0.9


def test_similarity_goes_from_views_to_identities(faces, monkeypatch):
    monkeypatch.setattr(yildirim_2020, "IDENTITIES", 10)
    found, matrices = yildirim_2020.profile(faces, seed=90)
    assert max(found["f3"], key=found["f3"].get) == "view"
    assert max(found["f5"], key=found["f5"].get) == "identity"
    assert found["f5"]["identity"] > found["f4"]["identity"] > found["f3"]["identity"]
    assert found["f4"]["mirror"] > max(found["f3"]["mirror"], found["f5"]["mirror"])
    assert yildirim_2020.mirror_index(matrices["f3"]) < 0 < yildirim_2020.mirror_index(matrices["f4"])


def test_the_three_models_are_what_they_say():
    models = yildirim_2020.templates()
    count = len(yildirim_2020.VIEWS)
    assert models["view"][0, count] == models["mirror"][0, 4] == models["identity"][0, 1] == 1
    assert models["view"][0, 4] == models["mirror"][0, 1] == models["identity"][0, count] == 0
    for model in models.values():
        np.testing.assert_array_equal(model, model.T)


def test_what_the_network_puts_out_is_in_the_order_of_the_decoder(faces):
    from synthstim.decoders.head import Head

    assert {group.name: len(group.names) for group in Head.groups} == GROUPS
    assert faces.layers["f5"] == (GROUPS["shape"] + GROUPS["albedo"],)
    shown = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    read = faces.activations(shown, ["f5", "scene", "output"])
    torch.testing.assert_close(read["output"], torch.cat([read["f5"], read["scene"]], 1))


SHORT = FacesSettings(batch=16, steps=10, held_out=32)


def test_a_short_training_is_the_seed_s_alone_and_its_weights_are_read_as_a_file(tmp_path, monkeypatch):
    state, _ = fit(0, 1, lambda share, text: None, SHORT)
    monkeypatch.setitem(TRAININGS._loaded, "faces", Training(partial(fit, settings=SHORT), epochs=1))
    made = train("faces", tmp_path / "mine.safetensors", seed=0)
    assert made.curve[0].keys() == {"epoch", "loss", *GROUPS}
    read = load_model("faces", weights=made.path).module.state_dict()
    assert all(torch.equal(value, read[name]) for name, value in state.items())


def test_weights_of_another_network_are_refused(tmp_path):
    save_file({"conv.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match=r"other\.safetensors does not fit the model"):
        load_model("faces", weights=tmp_path / "other.safetensors")
