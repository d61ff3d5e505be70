"""Sites fitted to an observer: planted ones are found, scores are honest, and they are layers like any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from encoding_fixture import PHOTOGRAPHS, crops, maps_of, names, planted, recorded, small, stimuli
from torch import nn

from synthstim.encoding import (
    PLS,
    Factorised,
    Fit,
    Gaussian,
    Ridge,
    Stimuli,
    fit_sites,
    load_fit,
    save_fit,
    shuffle_responses,
)
from synthstim.errors import InputError
from synthstim.kinds import READOUTS
from synthstim.modalities.image import write_png
from synthstim.models import OUTPUT, ImageInput, Observer, SoundInput, Unit, load_model, read_units
from synthstim.objectives import drive, level, match, one_hot, suppress
from synthstim.optimise import Adam, Stopping, Synthesiser
from synthstim.parametrise import Pixels
from synthstim.production import make, observer_of_set
from synthstim.responses import Responses, join_responses
from synthstim.stimulus_set import StimulusSet, adopt
from synthstim.verify import check_set

COUNT = 200
QUICK = {
    "ridge": Ridge(),
    "pls": PLS(components=(10,)),
    "factorised": Factorised(steps=60),
    "gaussian": Gaussian(steps=60),
}
GROUPS = {name: PHOTOGRAPHS[number % 10] for number, name in enumerate(names(COUNT))}


def signal_on(layer: str, sites: int = 4) -> np.ndarray:
    return planted(maps_of(small(), COUNT, layer), sites)[0]


@pytest.fixture(scope="module")
def responses() -> Responses:
    return recorded(signal_on("2"))


@pytest.fixture(scope="module")
def fit(responses: Responses) -> Fit:
    return fit_sites(small(), responses, stimuli(COUNT), ["0", "2"], method=QUICK["factorised"])


@pytest.fixture(scope="module")
def network() -> Observer:
    return load_model(size=(64, 64))


def test_sites_planted_on_layers_of_a_trained_network_are_found_on_those_layers(network: Observer) -> None:
    layers = ["blocks.1", "blocks.2", "blocks.3"]
    signal = np.concatenate([planted(maps_of(network, 150, layer, 64), 3)[0] for layer in layers], 1)
    made = fit_sites(network, recorded(signal), stimuli(150, 64), layers, method=Factorised(steps=80))
    assert made.table["layer"].tolist() == [layer for layer in layers for _ in range(3)]
    assert made.table["score"].median() > 0.9
    assert abs(made.table["r_shuffled"].mean()) < 0.2


@pytest.mark.parametrize("method", READOUTS.names)
def test_every_method_predicts_held_out_responses_and_finds_nothing_in_shuffled_ones(
    method: str, responses: Responses
) -> None:
    made = fit_sites(small(), responses, stimuli(COUNT), ["2"], method=QUICK[method])
    table = made.table
    assert list(table["site"]) == list(responses.sites)
    assert (table["score"] > 0.6).all()
    assert (table["score"] < 1.15).all()
    assert np.allclose(table["score"], table["r"] / np.sqrt(table["reliability"]))
    assert abs(table["r_shuffled"].mean()) < 0.2
    # The layer gives what the read-out of all stimuli gives: near the responses, in their units.
    predicted = read_units(made.observer, torch.from_numpy(crops(COUNT)), [made.unit(site) for site in made.sites])
    assert np.allclose(predicted.mean(0), 5, atol=0.2)
    assert min(np.corrcoef(predicted[:, site], signal_on("2")[:, site])[0, 1] for site in range(4)) > 0.7


def test_a_model_of_shuffled_responses_predicts_nothing(responses: Responses) -> None:
    dealt = shuffle_responses(responses, seed=1)
    assert len(dealt) == len(responses)
    assert dealt.stimulus_ids != responses.stimulus_ids
    made = fit_sites(small(), dealt, stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    assert made.table["r"].abs().max() < 0.3
    assert made.table["r_shuffled"].isna().all()
    # The repeats went along.
    assert (made.table["reliability"] > 0.8).all()


@pytest.mark.parametrize(("layer", "method"), [("2", "factorised"), ("5", "ridge")])
def test_a_fit_without_a_method_takes_masks_where_the_layer_has_space(layer, method, responses, monkeypatch) -> None:
    taken: list[object] = []

    def stop(chosen: object, *_: object) -> None:
        taken.append(chosen)
        raise InterruptedError

    monkeypatch.setattr("synthstim.encoding.fit.held_out_scores", stop)
    with pytest.raises(InterruptedError):
        fit_sites(small(), responses, stimuli(COUNT), [layer], ceilings=False)
    assert [one.name for one in taken] == [method]


def test_held_out_scores_agree_with_new_stimuli(responses: Responses) -> None:
    half = responses.only(stimulus_ids=names(COUNT // 2))
    made = fit_sites(small(), half, stimuli(COUNT), ["2"], method="ridge")
    new = torch.from_numpy(crops(COUNT)[COUNT // 2 :])
    predicted = made.observer.activations(new, ["sites"])["sites"].numpy()
    truth = signal_on("2")[COUNT // 2 :]
    r = [np.corrcoef(predicted[:, site], truth[:, site])[0, 1] for site in range(4)]
    assert np.mean(r) == pytest.approx(made.table["score"].mean(), abs=0.12)


def test_grouping_crops_by_photograph_gives_lower_scores_than_letting_them_leak(responses: Responses) -> None:
    generator = np.random.default_rng(0)
    # Responses that know the photograph and nothing else.
    photograph = generator.normal(size=(10, 4))[np.arange(COUNT) % 10]
    noisy = recorded(photograph, noise=0.2)
    leaking = fit_sites(small(), noisy, stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    grouped = fit_sites(small(), noisy, stimuli(COUNT), ["2"], groups=GROUPS, shuffled=False, method="ridge")
    assert leaking.table["r"].mean() > grouped.table["r"].mean() + 0.1


def test_sites_lacking_stimuli_and_layers_of_their_own_share_one_fit() -> None:
    signal = np.concatenate([signal_on("0", 2), signal_on("2", 2)], 1)
    full = recorded(signal, noise=0.2)
    gone = (full.trials["site"] == "site3") & full.trials["stimulus_id"].isin(names(40))
    made = fit_sites(small(), Responses(full.trials[~gone]), stimuli(COUNT), ["0", "2"], method=QUICK["factorised"])
    assert made.table["stimuli"].tolist() == [200, 200, 200, 160]
    assert made.table["layer"].tolist() == ["0", "0", "2", "2"]
    assert (made.table["score"] > 0.7).all()
    predicted = made.observer.activations(torch.from_numpy(crops(COUNT)), ["sites"])["sites"].numpy()
    assert min(np.corrcoef(predicted[:, site], signal[:, site])[0, 1] for site in range(4)) > 0.8
    assert made.layers.groupby("layer")["r"].size().to_dict() == {"0": 4, "2": 4}


# The sites are layers.


def test_the_fitted_observer_has_its_own_layers_and_those_of_the_network(fit: Fit) -> None:
    base, layers = small(), fit.observer.layers
    assert (layers["sites"], layers["sites_z"]) == ((4,), (4,))
    assert {name: layers[name] for name in base.layers} == base.layers
    shown = torch.from_numpy(crops(6))
    read = fit.observer.activations(shown, ["0", "sites", "sites_z", OUTPUT])
    expected = base.activations(shown, ["0", OUTPUT])
    assert torch.allclose(read["0"], expected["0"])
    assert torch.allclose(read[OUTPUT], expected[OUTPUT])
    assert fit.observer.decide(shown) == base.decide(shown)
    mean, spread = (torch.tensor(fit.table[name].to_numpy(), dtype=torch.float32) for name in ("mean", "spread"))
    assert torch.allclose(read["sites_z"], (read["sites"] - mean) / spread, atol=1e-5)
    assert torch.equal(fit.observer.activations(shown, ["sites"])["sites"], read["sites"])


class Counted(nn.Module):
    calls = 0

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return values


def test_reading_sites_runs_the_network_no_further_than_they_read(responses: Responses) -> None:
    late, base = Counted(), small()
    observer = Observer(nn.Sequential(*base.module, late), input=base.input)
    made = fit_sites(observer, responses, stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    assert made.observer.layers["sites"] == (4,)
    late.calls = 0
    made.observer.activations(torch.from_numpy(crops(3)), ["sites"])
    assert late.calls == 0
    made.observer.activations(torch.from_numpy(crops(3)), ["sites", OUTPUT])
    assert late.calls == 1
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in made.observer.module.modules())


class InPlace(nn.Module):
    """Overwrites what its first part put out, and runs its rectifier twice."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv, self.relu = nn.Conv2d(3, 6, 5, stride=2), nn.ReLU(inplace=True)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.relu(self.relu(self.conv(values)) - 0.2)


def test_layers_that_are_overwritten_or_called_twice_are_read_right() -> None:
    observer = Observer(InPlace(), input=ImageInput(size=(16, 16), mean=(0.5,), std=(0.25,)))
    with torch.no_grad():
        read = observer.activations(torch.from_numpy(crops(COUNT)), ["conv", "relu@2"])
    signal = np.concatenate([planted(read[layer].numpy(), 2)[0] for layer in ("conv", "relu@2")], 1)
    made = fit_sites(
        observer, recorded(signal, noise=0.1), stimuli(COUNT), ["conv", "relu@2"], method=QUICK["factorised"]
    )
    shown = torch.from_numpy(crops(COUNT)).requires_grad_()
    predicted = made.observer.activations(shown, ["sites"])["sites"]
    assert min(np.corrcoef(predicted.detach()[:, site], signal[:, site])[0, 1] for site in range(4)) > 0.9
    predicted.sum().backward()
    assert shown.grad is not None
    assert shown.grad.abs().sum() > 0


@pytest.mark.parametrize("method", READOUTS.names)
def test_gradients_reach_the_image_and_are_those_of_small_steps(method: str, responses: Responses) -> None:
    made = fit_sites(small(), responses, stimuli(COUNT), ["2", "0"], method=QUICK[method], shuffled=False)
    observer = made.observer.to(dtype=torch.float64)
    image = torch.from_numpy(crops(1)).double().requires_grad_()
    observer.activations(image, ["sites"])["sites"][0, 2].backward()
    direction = torch.randn(image.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        ahead, behind = (
            observer.activations(image + step * direction, ["sites"])["sites"][0, 2] for step in (1e-6, -1e-6)
        )
    assert image.grad is not None
    assert float((image.grad * direction).sum()) == pytest.approx(float(ahead - behind) / 2e-6, rel=1e-4)


def test_every_objective_works_on_fitted_sites(fit: Fit) -> None:
    first, second = fit.unit("site0"), fit.unit("site1")
    others = [fit.unit(f"site{number}", standardised=True) for number in (1, 2, 3)]
    wanted = torch.from_numpy(crops(1))
    objectives = {
        "drive": drive(first),
        "suppress": suppress(first) - 0.1 * drive(second),
        "level": level(first, 6.5),
        "one_hot": one_hot(fit.unit("site0", standardised=True), others),
        "match": match(wanted, ["sites"]),
        "match a layer of the network": match(wanted, ["1"]),
    }
    for name, objective in objectives.items():
        run = Synthesiser(
            fit.observer, objective, Pixels(fit.observer.input.shape), seeds=[1, 2], optimiser=Adam(),
            stopping=Stopping(evaluations=25),
        )  # fmt: skip
        result = run.result()
        assert all(curve[-1][1] > curve[0][1] for curve in result.curves), name
    assert first.name == "site0"


def test_one_image_alone_gives_what_it_gives_among_others(fit: Fit) -> None:
    shown = torch.from_numpy(crops(8))
    together = fit.observer.activations(shown, ["sites"])["sites"]
    alone = torch.cat([fit.observer.activations(one[None], ["sites"])["sites"] for one in shown])
    assert torch.allclose(together, alone, atol=1e-5)


def test_a_models_own_decision_is_asked_of_the_model() -> None:
    base = small()
    seen = []

    def decision(observer: Observer, shown: torch.Tensor, _layers: object) -> list:
        seen.append(observer.module)
        return [int(row.argmax()) for row in observer.activations(shown, ["5"])["5"]]

    observer = Observer(base.module, input=base.input, decision=decision, stages=("1", "3"))
    made = fit_sites(observer, recorded(signal_on("2")), stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    shown = torch.from_numpy(crops(5))
    assert made.observer.decide(shown) == observer.decide(shown)
    assert seen == [base.module, base.module]
    assert made.observer.stages == ("1", "3")


def test_sites_are_fitted_to_plain_observers_only(fit: Fit, responses: Responses) -> None:
    with pytest.raises(InputError, match=r"has a layer '(base|sites)' already"):
        fit_sites(fit.observer, responses, stimuli(COUNT), ["2"], shuffled=False, method="ridge")


# Stimuli on disk.


@pytest.fixture(scope="module")
def on_disk(tmp_path_factory: pytest.TempPathFactory) -> StimulusSet:
    folder = tmp_path_factory.mktemp("images")
    for name, crop in zip(names(40), crops(40), strict=True):
        write_png(folder / f"{name}.png", crop)
    return adopt(folder, folder.parent / f"{folder.name}_set")[0]


def shown_from(on_disk: StimulusSet, **changes: object) -> Responses:
    trials = recorded(signal_on("2")).only(stimulus_ids=names(40)).trials
    digests = dict(zip(on_disk.table["stimulus_id"], on_disk.table["sha256"], strict=True))
    return Responses(trials.assign(sha256=trials["stimulus_id"].astype(str).map(digests), **changes), "tonight.tsv")


def test_stimuli_of_sets_are_read_checked_and_matched(on_disk: StimulusSet, tmp_path: Path) -> None:
    responses = shown_from(on_disk)
    made = fit_sites(small(), responses, on_disk, ["2"], shuffled=False, folds=3, method="ridge")
    assert made.provenance["stimuli"] == dict(zip(on_disk.table["stimulus_id"], on_disk.table["sha256"], strict=True))
    both = fit_sites(small(), responses, [on_disk, on_disk], ["2"], shuffled=False, folds=3, method="ridge")
    assert np.allclose(both.table["r"], made.table["r"])
    with pytest.raises(InputError, match="no stimulus set given"):
        fit_sites(small(), responses, [], ["2"], method="ridge")
    with pytest.raises(InputError, match="were shown from another file"):
        fit_sites(small(), shown_from(on_disk).renamed({"s1": "s2", "s2": "s1"}), on_disk, ["2"], method="ridge")
    other = tmp_path / "other"
    other.mkdir()
    write_png(other / "s0.png", crops(2)[1])
    with pytest.raises(InputError, match="two sets use the id 's0' for different files"):
        fit_sites(small(), responses, [on_disk, adopt(other, tmp_path / "set")[0]], ["2"], method="ridge")


def test_a_file_that_changed_since_the_set_was_made_is_refused(on_disk: StimulusSet) -> None:
    path = on_disk.path(on_disk.table["file"].iloc[3])
    before = path.read_bytes()
    write_png(path, crops(2)[1])
    try:
        with pytest.raises(InputError, match="has changed since the set was made"):
            fit_sites(small(), shown_from(on_disk), on_disk, ["2"], folds=3, method="ridge")
    finally:
        path.write_bytes(before)


def test_one_recording_after_another_is_fitted_together(responses: Responses) -> None:
    early, late = (responses.only(stimulus_ids=part) for part in (names(100), names(COUNT)[100:]))
    late = replace(late, trials=late.trials.assign(session="2"))
    made = fit_sites(small(), join_responses([early, late]), stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    whole = fit_sites(small(), responses, stimuli(COUNT), ["2"], shuffled=False, method="ridge")
    assert np.allclose(made.table["r"], whole.table["r"])
    assert made.provenance["responses"]["sessions"] == ["1", "2"]


# What is refused.


def spoilt(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Responses:
    return Responses(change(recorded(signal_on("2")).trials), "tonight.tsv")


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda t: t.assign(response=np.where(t["site"] == "site1", 2.0, t["response"])), {}, r"same response in every trial \(site1\)"),
        (lambda t: t[t["repeat"] == 0], {}, "one repeat of each stimulus"),
        (lambda t: t[(t["site"] != "site1") | t["stimulus_id"].isin(names(9))], {}, r"fewer than 10 stimuli \(site1\)"),
        (lambda t: t.assign(response=np.where(t["site"] == "site1", t["repeat"], t["response"])), {}, r"the same for every stimulus \(site1\)"),
        (lambda t: pd.concat([t, t.assign(window_end_s=0.3)]), {}, "2 windows"),
        (lambda t: t.assign(stimulus_id=t["stimulus_id"].astype(str) + "x"), {}, r"200 stimuli are not in the set \(s0x, "),
        (lambda t: t, {"layers": ["22"]}, "no layer '22'"),
        (lambda t: t, {"layers": []}, "no layer given"),
        (lambda t: t, {"method": "ridges"}, "'ridges' is unknown: did you mean 'ridge'"),
        (lambda t: t, {"method": "factorised", "layers": ["5"]}, "no space to put a mask on"),
        (lambda t: t, {"folds": {name: number % 5 for number, name in enumerate(names(COUNT))}, "groups": dict.fromkeys(names(2), "a")}, "s0 and s1 are of a but in folds"),
        (lambda t: t, {"folds": 500}, "500 folds given"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_refused_before_anything_is_computed(
    change: Callable, options: dict, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("synthstim.encoding.fit.layer_activations", lambda *_, **__: pytest.fail("computed"))
    layers = options.pop("layers", ["2"]) if "layers" in options else ["2"]
    with pytest.raises(InputError, match=said) as caught:
        fit_sites(small(), spoilt(change), stimuli(COUNT), layers, **options)
    assert "\n" not in str(caught.value)


def test_one_repeat_is_fitted_when_ceilings_are_not_wanted(responses: Responses) -> None:
    single = Responses(responses.trials[responses.trials["repeat"] == 0])
    made = fit_sites(small(), single, stimuli(COUNT), ["2"], ceilings=False, shuffled=False, method="ridge")
    assert made.table["score"].isna().all()
    assert made.table["r"].median() > 0.5
    assert "median score" in repr(made)


def test_a_unit_that_was_not_fitted_is_refused(fit: Fit) -> None:
    with pytest.raises(InputError, match="no fitted site is called 'site9': did you mean"):
        fit.unit("site9")
    assert fit.unit("site3") == Unit(layer="sites", channel=3, label="site3")


# On disk.


@pytest.mark.parametrize("method", READOUTS.names)
def test_a_fit_loads_back_to_the_same_predictions(method: str, responses: Responses, tmp_path: Path) -> None:
    observer = small()
    made = fit_sites(observer, responses, stimuli(COUNT), ["0", "2"], method=QUICK[method], shuffled=False)
    save_fit(made, tmp_path / "fit")
    assert sorted(path.name for path in (tmp_path / "fit").iterdir()) == [
        "fit.json", "layers.tsv", "sites.safetensors", "sites.tsv",
    ]  # fmt: skip
    loaded = load_fit(tmp_path / "fit", observer)
    shown = torch.from_numpy(crops(20))
    for layer in ("sites", "sites_z"):
        one, two = (some.observer.activations(shown, [layer])[layer] for some in (made, loaded))
        assert torch.equal(one, two)
    assert loaded.sites == made.sites
    assert loaded.observer.weights_sha256 == made.observer.weights_sha256
    pd.testing.assert_frame_equal(loaded.table, made.table, check_dtype=False, rtol=1e-6)
    assert loaded.provenance == json.loads(json.dumps(made.provenance))
    assert loaded.provenance["observer"]["weights_sha256"] == observer.weights_sha256


def test_a_fit_to_a_named_model_finds_it_by_itself(network: Observer, tmp_path: Path) -> None:
    signal = planted(maps_of(network, 60, "blocks.2", 64), 2)[0]
    made = fit_sites(network, recorded(signal), stimuli(60, 64), ["blocks.2"], shuffled=False, method="ridge")
    loaded = load_fit(save_fit(made, tmp_path / "fit"))
    shown = torch.from_numpy(crops(3, 64))
    assert torch.allclose(*(some.observer.activations(shown, ["sites"])["sites"] for some in (made, loaded)))
    assert loaded.observer.name == "sites on efficientnet-lite0"


def test_a_fit_is_not_put_on_another_observer_nor_written_over_another(fit: Fit, tmp_path: Path) -> None:
    path = save_fit(fit, tmp_path / "fit")
    with pytest.raises(InputError, match="exists already"):
        save_fit(fit, path)
    other = small()
    with torch.no_grad():
        next(other.module.parameters()).add_(1)
    with pytest.raises(InputError, match="was fitted to weights with the sha256"):
        load_fit(path, other)
    brighter = small().given(ImageInput(size=(16, 16), mean=(0.4,), std=(0.25,)))
    with pytest.raises(InputError, match="was fitted to another input"):
        load_fit(path, brighter)
    with pytest.raises(InputError, match="open that observer and give it"):
        load_fit(path)
    with pytest.raises(InputError, match="is not a fit"):
        load_fit(tmp_path)


def edit_json(path: Path, change: Callable[[dict], object]) -> None:
    facts = json.loads((path / "fit.json").read_text())
    change(facts)
    (path / "fit.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p: (p / "fit.json").write_text("{"), "not valid JSON"),
        (lambda p: edit_json(p, lambda f: f.update(schema_version=99)), "schema version 99"),
        (lambda p: edit_json(p, lambda f: f.pop("reads")), "lacks reads"),
        (lambda p: edit_json(p, lambda f: f["sites"].append("more")), "damaged"),
        (lambda p: edit_json(p, lambda f: f.update(reads=["0"] * len(f["reads"]))), "damaged"),
        (lambda p: edit_json(p, lambda f: f["readouts"][0].update(kind="os.system")), "damaged"),
        (lambda p: (p / "sites.safetensors").write_bytes(b"pickle"), "cannot be read as plain weights"),
        (lambda p: (p / "sites.safetensors").unlink(), "no weights file"),
        (lambda p: (p / "sites.tsv").unlink(), "damaged"),
    ],
)
def test_a_damaged_fit_is_refused(fit: Fit, tmp_path: Path, spoil: Callable, said: str) -> None:
    path = save_fit(fit, tmp_path / "fit")
    spoil(path)
    with pytest.raises(InputError, match=said):
        load_fit(path, small())


def test_a_fit_that_cannot_be_written_leaves_nothing(fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(InputError, match="No space left on device"):
        save_fit(fit, tmp_path / "fit")
    assert not list(tmp_path.iterdir())


def test_stimuli_are_only_read_as_they_are_given() -> None:
    some = stimuli(5)
    assert repr(some) == "Stimuli(5)"
    assert some.only(["s3", "s1"]).ids == ("s3", "s1")
    assert np.array_equal(some.only(["s3", "s1"]).batch([0])[0], crops(5)[3])


def test_a_recipe_finds_fitted_sites_by_their_folder(network: Observer, tmp_path: Path) -> None:
    signal = planted(maps_of(network, 60, "blocks.2", 64), 2)[0]
    made = fit_sites(network, recorded(signal), stimuli(60, 64), ["blocks.2"], shuffled=False, method="ridge")
    name = f"fit:{save_fit(made, tmp_path / 'fit')}"
    recipe = {
        "observer": name,
        "stimuli": [
            {
                "name": "drive0",
                "kind": "controller",
                "goal": "drive",
                "unit": {"layer": "sites", "channel": 0},
                "copies": 1,
            }
        ],
    }
    written = make(recipe, tmp_path / "set", budget=15)
    assert written.provenance["observer"]["name"] == name
    again = observer_of_set(written)
    assert again is not None
    shown = torch.from_numpy(written.stimulus(written.table["file"].iloc[0]))[None]
    found = float(again.activations(shown, ["sites"])["sites"][0, 0])
    assert found == pytest.approx(float(written.table["activation"].iloc[0]), rel=1e-4)
    assert not check_set(written, again).problems


class Ear(nn.Module):
    """Two filters at a time, rectified: (batch, time) -> (batch, channel, time)."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.filters, self.relu = nn.Conv1d(1, 6, 32, stride=32), nn.ReLU()

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        return self.relu(self.filters(waveforms[:, None]))


@pytest.mark.parametrize("method", ["ridge", "factorised"])
def test_sites_that_hear_are_fitted_alike(method: str) -> None:
    observer = Observer(Ear(), input=SoundInput(rate=8000, samples=800, network_rate=8000), decision=None)
    sounds = 0.1 * np.random.default_rng(0).normal(size=(150, 800)).astype(np.float32)
    with torch.no_grad():
        heard = observer.activations(torch.from_numpy(sounds), ["relu"])["relu"].numpy()
    weights = np.random.default_rng(1).normal(size=(2, 6))
    signal = np.einsum("nct,sc->ns", heard[:, :, 5:15], weights)
    made = fit_sites(
        observer,
        recorded(signal, noise=0.1 * signal.std()),
        Stimuli.of_arrays(names(150), sounds),
        ["relu"],
        method=QUICK[method],
    )
    assert (made.table["score"] > 0.8).all()
    shown = torch.from_numpy(sounds[:2]).requires_grad_()
    made.observer.activations(shown, ["sites"])["sites"].sum().backward()
    assert shown.grad is not None
    assert shown.grad.abs().max() > 0


def test_progress_is_told_in_words(responses: Responses) -> None:
    told: list[str] = []
    fit_sites(small(), responses, stimuli(COUNT), ["0", "2"], shuffled=False, progress=told.append, method="ridge")
    assert told == [
        "activations of 2 layers for 200 stimuli", "0: ridge, 4 sites, 5 folds", "2: ridge, 4 sites, 5 folds",
        "each site on the layer that predicts it best",
    ]  # fmt: skip
