"""Ensembles of fits: mean and spread over members, one forward pass a network, on disk and in recipes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from encoding_fixture import PHOTOGRAPHS, crops, maps_of, names, planted, recorded, small, stimuli
from torch import nn

from synthstim.encoding import Factorised, Fit, Ridge, Stimuli, ensemble, fit_sites, load_fit, save_fit
from synthstim.encoding.receptive_fields import COLUMNS as FIELD
from synthstim.errors import InputError
from synthstim.modalities.image import write_png
from synthstim.models import OUTPUT, ImageInput, Observer, SoundInput, load_model
from synthstim.objectives import drive, level, match, one_hot, suppress
from synthstim.optimise import Adam, Stopping, Synthesiser
from synthstim.parametrise import Pixels
from synthstim.production import make, observer_of_set
from synthstim.responses import Responses
from synthstim.stimulus_set import StimulusSet, adopt
from synthstim.verify import check_set

COUNT = 120
FOLDS = 4


def other_network(seed: int = 5) -> Observer:
    """Another network, shown the same images, which preprocesses in another way."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(nn.Conv2d(3, 10, 3), nn.ReLU(), nn.Conv2d(10, 6, 3, stride=2), nn.Flatten())
    return Observer(network, input=ImageInput(size=(16, 16), mean=(0.3,), std=(0.5,), resize=(12, 12)), name="other")


@pytest.fixture(scope="module")
def responses() -> Responses:
    return recorded(planted(maps_of(small(), COUNT, "2"), 4)[0])


@pytest.fixture(scope="module")
def folded(responses: Responses) -> Fit:
    return fit_sites(
        small(), responses, stimuli(COUNT), ["0", "2"], folds=FOLDS, members="folds", shuffled=False, method="ridge"
    )


@pytest.fixture(scope="module")
def mixed(responses: Responses, folded: Fit) -> Fit:
    """Five members on two networks."""
    second = fit_sites(other_network(), responses, stimuli(COUNT), ["0", "1"], shuffled=False, method="ridge")
    return ensemble([folded, second])


def read(fit: Fit, layer: str, count: int = 8) -> np.ndarray:
    return fit.observer.activations(torch.from_numpy(crops(count)), [layer])[layer].detach().numpy()


# What an ensemble is.


def test_members_over_layers_are_the_fits_of_each_layer(responses: Responses, tmp_path: Path) -> None:
    both = fit_sites(
        small(), responses, stimuli(COUNT), ["0", "2"], folds=FOLDS, members="layers", shuffled=False, method="ridge"
    )
    alone = [
        fit_sites(small(), responses, stimuli(COUNT), [layer], folds=FOLDS, shuffled=False, method="ridge")
        for layer in ("0", "2")
    ]
    parts = np.stack([read(fit, "sites") for fit in alone])
    assert np.allclose(read(both, "sites"), parts.mean(0), atol=1e-5)
    assert np.allclose(read(both, "sites_spread"), parts.std(0), atol=1e-4)
    again = load_fit(save_fit(both, tmp_path / "fit"), small())
    assert np.allclose(read(again, "members"), read(both, "members"), atol=1e-6)


def test_members_over_one_layer_are_refused(responses: Responses) -> None:
    with pytest.raises(InputError, match="an ensemble over layers needs two or more, 2 alone given: name more"):
        fit_sites(small(), responses, stimuli(COUNT), ["2"], members="layers", method="ridge")


def test_sites_are_the_mean_over_members_and_the_spread_their_deviation(folded: Fit, mixed: Fit) -> None:
    for fit, count in ((folded, FOLDS), (mixed, FOLDS + 1)):
        members = read(fit, "members")
        assert (members.shape, fit.members) == ((8, count, 4), count)
        assert np.allclose(read(fit, "sites"), members.mean(1), atol=1e-5)
        assert np.allclose(read(fit, "sites_spread"), members.std(1), atol=1e-5)
        centred = (members.mean(1) - fit.table["mean"].to_numpy()) / fit.table["spread"].to_numpy()
        assert np.allclose(read(fit, "sites_z"), centred, atol=1e-4)
        assert read(fit, "sites_spread").min() > 0


def test_a_member_from_a_fold_is_the_fit_to_the_other_folds(folded: Fit, responses: Responses) -> None:
    fold = np.array(folded.provenance["options"]["folds"])
    number = 2
    left = [name for name, at in zip(names(COUNT), fold, strict=True) if at != number]
    # The penalty and the layer that were chosen with all folds.
    single = folded.table["candidate"].iloc[0]
    one = responses.only(stimulus_ids=left, sites=folded.sites[:1])
    alone = fit_sites(
        small(), one, stimuli(COUNT), [folded.table["layer"].iloc[0]], method=Ridge(penalties=(float(single),)),
        shuffled=False,
    )  # fmt: skip
    assert np.allclose(read(folded, "members")[:, number, 0], read(alone, "sites")[:, 0], atol=1e-3)


def test_scores_and_layers_of_an_ensemble_over_folds_are_those_without_members(
    folded: Fit, responses: Responses
) -> None:
    single = fit_sites(small(), responses, stimuli(COUNT), ["0", "2"], folds=FOLDS, shuffled=False, method="ridge")
    # Where a site sees is told by its read-outs, which are others.
    tables = [fit.table.drop(columns=list(FIELD)) for fit in (folded, single)]
    pd.testing.assert_frame_equal(*tables)
    assert single.members == 1
    assert "sites_spread" not in single.observer.layers
    # The mean over members predicts as the fit to all does.
    r = [
        np.corrcoef(read(folded, "sites", COUNT)[:, site], read(single, "sites", COUNT)[:, site])[0, 1]
        for site in range(4)
    ]
    assert min(r) > 0.98


def test_the_mean_of_two_fits_predicts_new_stimuli_no_worse_than_their_median(responses: Responses) -> None:
    truth = planted(maps_of(small(), COUNT, "2"), 4)[0]
    early = responses.only(stimulus_ids=names(COUNT)[: COUNT - 40])
    fits = [
        fit_sites(observer, early, stimuli(COUNT), layers, shuffled=False, method="ridge")
        for observer, layers in ((small(), ["2"]), (other_network(), ["1"]), (other_network(6), ["1"]))
    ]
    new = stimuli(COUNT).only(names(COUNT)[COUNT - 40 :])

    def score(fit: Fit) -> float:
        predicted = fit.predict(new)["predicted"].to_numpy().reshape(40, 4)
        return float(np.mean([np.corrcoef(predicted[:, site], truth[-40:, site])[0, 1] for site in range(4)]))

    assert score(ensemble(fits)) > np.median([score(fit) for fit in fits])


def test_members_that_agree_have_no_spread_and_a_finite_gradient(responses: Responses) -> None:
    single = fit_sites(small(), responses, stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    twin = ensemble([single, single])
    shown = torch.from_numpy(crops(3)).requires_grad_()
    spread = twin.observer.activations(shown, ["sites_spread"])["sites_spread"]
    assert spread.detach().abs().max() < 1e-5
    spread.sum().backward()
    assert shown.grad is not None
    assert torch.isfinite(shown.grad).all()


# The networks.


class Counted(nn.Module):
    calls = 0

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return values


def test_members_on_one_network_share_its_forward_pass(responses: Responses) -> None:
    counted, base = Counted(), small()
    observer = Observer(nn.Sequential(counted, *base.module), input=base.input, name="counted")
    fits = [
        fit_sites(
            observer,
            responses,
            stimuli(COUNT),
            ["3"],
            folds=4,
            members="folds",
            shuffled=False,
            seed=seed,
            method="ridge",
        )
        for seed in (0, 1)
    ]
    both = ensemble(fits)
    assert both.members == 8
    assert both.observer.layers["members"] == (8, 4)
    counted.calls = 0
    both.observer.activations(torch.from_numpy(crops(3)), ["sites", "sites_spread"])
    assert counted.calls == 1
    assert both.observer.input == observer.input
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in both.observer.module.modules())


def test_layers_of_the_first_network_keep_their_names_and_values(mixed: Fit, folded: Fit) -> None:
    base = small()
    shown = torch.from_numpy(crops(6))
    for fit in (folded, mixed):
        assert {name: fit.observer.layers[name] for name in base.layers} == base.layers
        found = fit.observer.activations(shown, ["0", "sites", OUTPUT])
        expected = base.activations(shown, ["0", OUTPUT])
        assert all(torch.allclose(found[layer], expected[layer], atol=1e-6) for layer in expected)
        assert fit.observer.decide(shown) == base.decide(shown)


def test_each_network_preprocesses_for_itself(mixed: Fit, folded: Fit, responses: Responses) -> None:
    second = fit_sites(other_network(), responses, stimuli(COUNT), ["0", "1"], shuffled=False, method="ridge")
    assert np.allclose(read(mixed, "members")[:, :FOLDS], read(folded, "members"), atol=1e-5)
    assert np.allclose(read(mixed, "members")[:, FOLDS], read(second, "sites"), atol=1e-5)
    assert mixed.observer.input == ImageInput(size=(16, 16))
    alone = np.concatenate(
        [mixed.observer.activations(torch.from_numpy(one[None]), ["sites"])["sites"] for one in crops(8)]
    )
    assert np.allclose(alone, read(mixed, "sites"), atol=1e-5)


def test_one_network_with_two_inputs_is_run_for_each(responses: Responses) -> None:
    base = small()
    darker = base.given(ImageInput(size=(16, 16), mean=(0.2,), std=(0.4,)), name="darker")
    fits = [fit_sites(one, responses, stimuli(COUNT), ["2"], shuffled=False, method="ridge") for one in (base, darker)]
    both = ensemble(fits)
    for number, fit in enumerate(fits):
        assert np.allclose(read(both, "members")[:, number], read(fit, "sites"), atol=1e-5)


def test_a_models_own_decision_is_asked_of_the_model(responses: Responses) -> None:
    base = small()

    def decision(observer: Observer, shown: torch.Tensor, _layers: object) -> list:
        assert observer.module is base.module
        return [int(row.argmax()) for row in observer.activations(shown, ["5"])["5"]]

    observer = Observer(base.module, input=base.input, decision=decision, stages=("1", "3"))
    one = fit_sites(
        observer, responses, stimuli(COUNT), ["2"], folds=3, members="folds", shuffled=False, method="ridge"
    )
    two = fit_sites(other_network(), responses, stimuli(COUNT), ["1"], shuffled=False, method="ridge")
    shown = torch.from_numpy(crops(5))
    for fit in (one, ensemble([one, two]), ensemble([one, one])):
        assert fit.observer.decide(shown) == observer.decide(shown)
        assert fit.observer.stages == ("1", "3")


def test_sites_are_matched_by_name(responses: Responses, folded: Fit) -> None:
    turned = list(folded.sites)[::-1]
    trials = pd.concat([responses.trials[responses.trials["site"] == site] for site in turned]).astype({"site": str})
    other = fit_sites(small(), Responses(trials), stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    assert other.sites == tuple(turned)
    both = ensemble([folded, other])
    assert both.sites == folded.sites
    assert np.allclose(read(both, "members")[:, FOLDS], read(other, "sites")[:, ::-1], atol=1e-5)
    assert np.allclose(both.table["r"], (folded.table["r"].to_numpy() + other.table["r"].to_numpy()[::-1]) / 2)


class Ear(nn.Module):
    """Filters at a time, rectified: (batch, time) -> (batch, channel, time)."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.filters, self.relu = nn.Conv1d(1, 6, 32, stride=32), nn.ReLU()

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        return self.relu(self.filters(waveforms[:, None]))


def test_networks_that_hear_at_different_rates_are_played_the_same_sounds(tmp_path: Path) -> None:
    ears = [
        Observer(
            Ear(seed), input=SoundInput(rate=8000, samples=800, network_rate=rate), name=f"ear{seed}", decision=None
        )
        for seed, rate in ((0, 8000), (1, 4000))
    ]
    sounds = 0.1 * np.random.default_rng(0).normal(size=(COUNT, 800)).astype(np.float32)
    with torch.no_grad():
        signal = ears[0].activations(torch.from_numpy(sounds), ["relu"])["relu"].mean(2)[:, :3].numpy()
    played = Stimuli.of_arrays(names(COUNT), sounds)
    fits = [
        fit_sites(ear, recorded(signal / signal.std()), played, ["relu"], shuffled=False, method="ridge")
        for ear in ears
    ]
    both = ensemble(fits)
    assert both.observer.input == SoundInput(rate=8000, samples=800, network_rate=8000)
    expected = np.mean([fit.predict(played)["predicted"] for fit in fits], 0)
    assert np.allclose(both.predict(played)["predicted"], expected, atol=1e-4)
    loaded = load_fit(save_fit(both, tmp_path / "fit"), ears)
    assert np.array_equal(loaded.predict(played), both.predict(played))


# Everything that works on sites works on an ensemble's.


@pytest.mark.parametrize("name", ["folded", "mixed"])
def test_gradients_are_those_of_small_steps(name: str, request: pytest.FixtureRequest) -> None:
    fit: Fit = request.getfixturevalue(name)
    observer = fit.observer.to(dtype=torch.float64)
    try:
        direction = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        for layer in ("sites", "sites_z", "sites_spread"):
            image = torch.from_numpy(crops(1)).double().requires_grad_()
            observer.activations(image, [layer])[layer][0, 2].backward()
            with torch.no_grad():
                ahead, behind = (
                    observer.activations(image + step * direction, [layer])[layer][0, 2] for step in (1e-6, -1e-6)
                )
            assert image.grad is not None
            assert float((image.grad * direction).sum()) == pytest.approx(float(ahead - behind) / 2e-6, rel=1e-4)
    finally:
        fit.observer.to(dtype=torch.float32)


@pytest.mark.parametrize("name", ["folded", "mixed"])
def test_every_objective_works_on_an_ensemble(name: str, request: pytest.FixtureRequest) -> None:
    fit: Fit = request.getfixturevalue(name)
    first = fit.unit("site0")
    others = [fit.unit(site, standardised=True) for site in fit.sites[1:]]
    objectives = {
        "drive": drive(first),
        "suppress": suppress(first),
        "level": level(first, 20.0),
        "one_hot": one_hot(fit.unit("site0", standardised=True), others),
        "match a layer of the network": match(torch.from_numpy(crops(1)), ["1"]),
    }
    for said, objective in objectives.items():
        run = Synthesiser(
            fit.observer, objective, Pixels(fit.observer.input.shape), seeds=[1, 2], optimiser=Adam(),
            stopping=Stopping(evaluations=25),
        )  # fmt: skip
        assert all(curve[-1][1] > curve[0][1] for curve in run.result().curves), said


def test_every_method_makes_members(responses: Responses) -> None:
    made = fit_sites(
        small(), responses, stimuli(COUNT), ["2"], method=Factorised(steps=40), folds=3, members="folds", shuffled=False
    )
    truth = planted(maps_of(small(), COUNT, "2"), 4)[0]
    predicted = read(made, "sites", COUNT)
    assert made.members == 3
    assert min(np.corrcoef(predicted[:, site], truth[:, site])[0, 1] for site in range(4)) > 0.8


def test_predictions_are_a_table_of_stimuli_and_sites(folded: Fit, responses: Responses) -> None:
    table = folded.predict(stimuli(40))
    assert list(table.columns) == ["stimulus_id", "site", "predicted", "spread"]
    assert len(table) == 160
    wide = table.pivot(index="stimulus_id", columns="site", values="predicted").loc[names(40), list(folded.sites)]
    assert np.allclose(wide, read(folded, "sites", 40), atol=1e-4)
    spread = table.pivot(index="stimulus_id", columns="site", values="spread").loc[names(40), list(folded.sites)]
    assert np.allclose(spread, read(folded, "sites_spread", 40), atol=1e-4)
    single = fit_sites(small(), responses, stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    assert list(single.predict(stimuli(3)).columns) == ["stimulus_id", "site", "predicted"]


def test_predictions_of_a_set_are_those_of_its_files(folded: Fit, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name, crop in zip(names(3), crops(3), strict=True):
        write_png(tmp_path / "images" / f"{name}.png", crop)
    stimulus_set = adopt(tmp_path / "images", tmp_path / "set")[0]
    table = folded.predict(stimulus_set)
    exact = folded.predict(Stimuli.of_arrays(names(3), np.rint(crops(3) * 255) / 255))
    assert np.allclose(table["predicted"], exact["predicted"], atol=1e-4)


# On disk.


@pytest.mark.parametrize("name", ["folded", "mixed"])
def test_an_ensemble_loads_back_to_the_same_predictions(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    fit: Fit = request.getfixturevalue(name)
    save_fit(fit, tmp_path / "fit")
    assert sorted(path.name for path in (tmp_path / "fit").iterdir()) == [
        "fit.json", "layers.tsv", "sites.safetensors", "sites.tsv",
    ]  # fmt: skip
    observers = [small(), other_network()][:: 1 if name == "folded" else -1]
    loaded = load_fit(tmp_path / "fit", observers if name == "mixed" else observers[0])
    for layer in ("members", "sites", "sites_z", "sites_spread"):
        assert np.array_equal(read(loaded, layer), read(fit, layer))
    assert loaded.observer.weights_sha256 == fit.observer.weights_sha256
    assert loaded.provenance == json.loads(json.dumps(fit.provenance))
    # Loaded ones go into further ensembles.
    again = ensemble([loaded, fit])
    assert again.members == 2 * fit.members
    assert np.allclose(read(again, "sites"), read(fit, "sites"), atol=1e-5)
    assert len(save_fit(again, tmp_path / "again").name) == 5


def test_an_ensemble_is_not_put_on_another_network(mixed: Fit, tmp_path: Path) -> None:
    path = save_fit(mixed, tmp_path / "fit")
    with pytest.raises(InputError, match="other with the weights as given: open that observer"):
        load_fit(path, [small(), other_network(7)])
    facts = json.loads((path / "fit.json").read_text())
    facts["members"][0]["network"] = 9
    (path / "fit.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="is a damaged fit"):
        load_fit(path, [small(), other_network()])


def test_a_recipe_drives_a_site_of_an_ensemble_over_folds(tmp_path: Path) -> None:
    network = load_model(size=(64, 64))
    signal = planted(maps_of(network, 60, "blocks.2", 64), 2)[0]
    made = fit_sites(
        network, recorded(signal), stimuli(60, 64), ["blocks.2"], members="folds", folds=3, shuffled=False,
        groups={name: PHOTOGRAPHS[number % 10] for number, name in enumerate(names(60))}, method="ridge",)  # fmt: skip
    save_fit(made, tmp_path / "fit")
    stimulus_set = make(
        {
            "observer": f"fit:{tmp_path / 'fit'}",
            "stimuli": [
                {"name": "up", "kind": "controller", "goal": "drive", "unit": {"layer": "sites", "channel": 1}, "copies": 2}
            ],
        },
        tmp_path / "set",
        budget=10,
    )  # fmt: skip
    read_back = StimulusSet.read(tmp_path / "set")
    observer = observer_of_set(read_back)
    assert observer is not None
    assert observer.layers["sites_spread"] == (2,)
    assert not check_set(read_back, observer).problems
    predicted = load_fit(tmp_path / "fit").predict(read_back)
    table = stimulus_set.table.set_index("stimulus_id")["activation"]
    second = predicted[predicted["site"] == made.sites[1]].set_index("stimulus_id")["predicted"]
    assert np.allclose(second.loc[table.index], table, rtol=1e-3)


# What is refused.


def test_what_makes_no_ensemble_is_refused(folded: Fit, responses: Responses) -> None:
    with pytest.raises(InputError, match="1 fits given"):
        ensemble([folded])
    fewer = responses.only(sites=folded.sites[:3])
    three = fit_sites(small(), fewer, stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    with pytest.raises(InputError, match="fit 2 lacks site3: an ensemble is of the same sites"):
        ensemble([folded, three])
    with pytest.raises(InputError, match="fit 2 has site3 besides"):
        ensemble([three, folded])
    large = Observer(other_network().module, input=ImageInput(size=(20, 20), resize=(12, 12)), name="large")
    with pytest.raises(
        InputError, match="large is shown 3 x 20 x 20, small 3 x 16 x 16: fit both to stimuli of one size"
    ):
        ensemble([folded, fit_sites(large, responses, stimuli(COUNT, 20), ["1"], shuffled=False, method="ridge")])
    with pytest.raises(InputError, match="members 'fold' is unknown"):
        fit_sites(small(), responses, stimuli(COUNT), ["2"], members="fold", method="ridge")
    with pytest.raises(InputError, match=r"has a layer '(base|members)' already"):
        fit_sites(folded.observer, responses, stimuli(COUNT), ["2"], shuffled=False, method="ridge")


def test_a_site_that_one_member_would_not_know_is_refused(responses: Responses) -> None:
    one = responses.trials["site"] == "site1"
    # All its stimuli are in one fold.
    folds = {name: int(number >= 20) for number, name in enumerate(names(COUNT))}
    kept = responses.trials[~one | responses.trials["stimulus_id"].isin(names(20))]
    with pytest.raises(InputError, match="site1 answered too few stimuli outside one of the folds"):
        fit_sites(
            small(),
            Responses(kept),
            stimuli(COUNT),
            ["2"],
            folds=folds,
            members="folds",
            shuffled=False,
            method="ridge",
        )
