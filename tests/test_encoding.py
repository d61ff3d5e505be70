"""Parts of encoding models: folds, scores, activations on disk, ridge and PLS in the dual, masks fitted by gradient."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from encoding_fixture import crops, gaussian_masks, maps_of, names, planted, small, stimuli
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge as SklearnRidge

from synthstim.encoding import PLS, Factorised, Gaussian, Ridge, Stimuli, assign_folds, layer_activations
from synthstim.encoding import activations as activations_file
from synthstim.encoding.descent_start import first_guess
from synthstim.encoding.doubts import doubt_of
from synthstim.encoding.features import Features, centred
from synthstim.encoding.linear import patterns
from synthstim.encoding.maps import Maps, moments, places_of, roughness
from synthstim.encoding.readouts import FactorisedReadout, axes_of_old, axis, gaussian_mask, pooled, read_maps
from synthstim.encoding.scores import FoldScores, choose, score_fold
from synthstim.errors import InputError

# Folds.


def table(count: int, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"stimulus_id": names(count), "sha256": [str(n) for n in range(count)], **columns})


def test_groups_stay_in_one_fold_and_folds_are_even() -> None:
    photograph = [str(number % 10) for number in range(100)]
    folds = assign_folds(table(100, photograph=photograph), folds=5, groups="photograph", seed=3)
    assert np.bincount(folds).tolist() == [20] * 5
    assert all(len(set(folds[number::10])) == 1 for number in range(10))
    by_id = assign_folds(table(100), folds=5, groups=dict(zip(names(100), photograph, strict=True)), seed=3)
    assert np.array_equal(folds, by_id)
    assert not np.array_equal(folds, assign_folds(table(100, photograph=photograph), groups="photograph", seed=4))


def test_the_same_file_under_two_ids_is_one_image_whatever_its_groups() -> None:
    twice = table(30)
    twice.loc[[3, 17], "sha256"] = "same"
    folds = assign_folds(twice, folds=5, groups={"s3": "a", "s4": "a", "s17": "b", "s29": "b"})
    assert len(set(folds[[3, 4, 17, 29]])) == 1


def test_ids_without_a_group_stand_for_themselves() -> None:
    folds = assign_folds(table(12, photograph=["a"] * 4 + [None] * 8), folds=3, groups="photograph")
    assert len(set(folds[:4])) == 1
    assert np.bincount(folds).tolist() == [4, 4, 4]


def given(count: int, folds: int = 3, **changes: int) -> dict[str, int]:
    return {name: number % folds for number, name in enumerate(names(count))} | changes


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folds": given(12), "groups": {"s0": "cat", "s1": "cat"}}, "s0 and s1 are of cat but in folds 0 and 1"),
        ({"folds": {"s0": 0}}, "11 stimuli have no fold, first 's1'"),
        ({"folds": dict.fromkeys(names(12), 0)}, "all stimuli are in one fold"),
        ({"folds": given(12) | {"s2": 0, "s5": 0}}, "make a fold of 2"),
        ({"folds": 13}, "13 folds given for 12 groups"),
        ({"folds": 1}, "1 folds given"),
        ({"folds": 5}, "make a fold of 2; expected 3 or more"),
        ({"groups": "photograph"}, "no column 'photograph'"),
        ({"groups": {"cat": "a"}}, "none of the groups names a stimulus"),
    ],
)
def test_folds_that_would_share_an_image_are_refused(options: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        assign_folds(table(12), **options)


def test_given_folds_that_share_a_file_are_refused() -> None:
    twice = table(12)
    twice.loc[1, "sha256"] = "0"
    with pytest.raises(InputError, match="s0 and s1 are of one file but in folds 0 and 1: what is of one image"):
        assign_folds(twice, folds=given(12))
    assert assign_folds(table(12), folds=given(12)).tolist() == [0, 1, 2] * 4


# Scores.


def test_scores_of_a_fold_agree_with_counting_by_hand() -> None:
    generator = np.random.default_rng(0)
    responses, predicted = generator.normal(size=(30, 3)), generator.normal(size=(2, 30, 3))
    responses[4:9, 1] = np.nan
    responses[2:, 2] = np.nan
    predicted[1, :, 0] = 4.0
    error, r = score_fold(predicted, responses, np.array([1.0, 2.0, 1.0]))
    kept = np.isfinite(responses[:, 1])
    assert r[0, 0] == pytest.approx(np.corrcoef(predicted[0, :, 0], responses[:, 0])[0, 1])
    assert r[0, 1] == pytest.approx(np.corrcoef(predicted[0, kept, 1], responses[kept, 1])[0, 1])
    assert error[0, 1] == pytest.approx(((predicted[0] - responses)[kept, 1] ** 2).mean() / 2)
    # A constant predicts nothing; two stimuli say nothing.
    assert r[1, 0] == 0
    assert np.isnan(r[:, 2]).all()


def test_choosing_the_best_of_many_does_not_flatter_noise() -> None:
    generator = np.random.default_rng(0)
    layers = [
        FoldScores(generator.random((5, 20, 400)), generator.normal(0, 0.1, (5, 20, 400)), np.empty((20, 0, 400)))
        for _ in range(4)
    ]
    choice = choose(layers)
    assert abs(choice.r.mean()) < 0.01
    # While taking the best after the fact does.
    assert np.stack([layer.r.mean(0) for layer in layers]).max((0, 1)).mean() > 0.05


def test_a_better_layer_and_candidate_are_chosen() -> None:
    error, r = np.full((4, 3, 2), 0.9), np.full((4, 3, 2), 0.2)
    error[:, 1, 0], r[:, 1, 0] = 0.1, 0.8
    none = np.empty((3, 0, 2))
    choice = choose([FoldScores(np.full((4, 3, 2), 0.8), np.full((4, 3, 2), 0.4), none), FoldScores(error, r, none)])
    assert (choice.layer.tolist(), choice.candidate.tolist()) == ([1, 0], [1, 0])
    assert choice.r == pytest.approx([0.8, 0.4])
    assert choice.r_layer == pytest.approx(np.array([[0.4, 0.4], [0.8, 0.2]]))


# Activations on disk.


def test_activations_are_those_of_the_observer_and_are_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer, some = small(), stimuli(40)
    with layer_activations(observer, some, ["2", "0"], cache=tmp_path) as found:
        assert found["2"].shape == (40, 12, 7, 7)
        assert isinstance(found["2"], np.memmap)
        with torch.no_grad():
            expected = observer.activations(torch.from_numpy(crops(40)), ["0", "2"])
        assert np.allclose(found["2"], expected["2"], atol=1e-6)
        assert np.allclose(found["0"], expected["0"], atol=1e-6)
    kept = sorted(os.listdir(tmp_path))
    assert len(kept) == 2
    monkeypatch.setattr(activations_file, "_compute", lambda *_: pytest.fail("computed again"))
    with layer_activations(observer, some, ["0"], cache=tmp_path) as found:
        assert found["0"].shape == (40, 8, 16, 16)
    # Other stimuli, another order or other weights are other files.
    for other, shown in ((observer, some.only(names(40)[::-1])), (observer, stimuli(39)), (small(), some)):
        if other is not observer:
            with torch.no_grad():
                next(other.module.parameters()).add_(1e-3)
        with pytest.raises(pytest.fail.Exception), layer_activations(other, shown, ["0"], cache=tmp_path):
            pass


def test_a_damaged_file_of_activations_is_computed_again_and_a_temporary_one_removed(tmp_path: Path) -> None:
    observer, some = small(), stimuli(20)
    with layer_activations(observer, some, ["2"], cache=tmp_path) as found:
        expected = np.array(found["2"])
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-40])
    with layer_activations(observer, some, ["2"], cache=tmp_path) as found:
        assert np.array_equal(found["2"], expected)
    with layer_activations(observer, some, ["2"]) as found:
        place = Path(found["2"].filename)
    assert not place.exists()


def test_a_disk_that_is_too_small_or_fills_up_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = activations_file.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(activations_file.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with (
        pytest.raises(InputError, match=r"the activations take .* GiB"),
        layer_activations(small(), stimuli(20), ["2"], cache=tmp_path),
    ):
        pass
    monkeypatch.undo()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(activations_file, "_append", full)
    with (
        pytest.raises(InputError, match="No space left on device"),
        layer_activations(small(), stimuli(20), ["2"], cache=tmp_path),
    ):
        pass
    assert not list(tmp_path.iterdir())


def test_stimuli_in_memory_want_an_id_each() -> None:
    with pytest.raises(InputError, match="3 stimuli given with 2 different ids"):
        Stimuli.of_arrays(["a", "b", "a"], crops(3))


# Ridge and PLS.


def data(stimuli: int = 50, shape: tuple[int, ...] = (6, 5, 5), sites: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    values = generator.normal(2, 1, (stimuli, *shape)).astype(np.float32)
    return values, values.reshape(stimuli, -1)[:, :sites] * 2 + generator.normal(size=(stimuli, sites)) + 7


@pytest.mark.parametrize("shape", [(6, 5, 5), (9,)])
def test_ridge_agrees_with_scikit_learns(shape: tuple[int, ...]) -> None:
    values, responses = data(shape=shape)
    features, method = Features(values), Ridge(penalties=(0.03, 1.0))
    flat = values.reshape(len(values), -1).astype(np.float64)
    scale = np.trace(centred(features.kernel, np.arange(len(values)))) / len(values)
    assert scale == pytest.approx(((flat - flat.mean(0)) ** 2).sum(1).mean(), rel=1e-5)
    readout = method.fit(features, responses, np.array([0, 1, 1, 0]))
    for site, penalty in enumerate((0.03, 1.0, 1.0, 0.03)):
        theirs = SklearnRidge(alpha=penalty * scale).fit(flat, responses[:, site])
        assert np.allclose(readout.weight[site].detach(), theirs.coef_, atol=1e-4)
        assert np.allclose(readout(torch.from_numpy(values))[:, site].detach(), theirs.predict(flat), atol=1e-3)


def test_pls_agrees_with_scikit_learns_on_all_features() -> None:
    values, responses = data()
    flat = values.reshape(len(values), -1).astype(np.float64)
    spread = responses.std(0)
    for few in (3, 7):
        readout = PLS(components=(3, 7)).fit(Features(values), responses, np.full(4, (3, 7).index(few)))
        theirs = PLSRegression(few, scale=False).fit(flat, responses / spread).predict(flat) * spread
        assert np.allclose(readout(torch.from_numpy(values)).detach(), theirs, atol=1e-3)


@pytest.mark.parametrize("method", [Ridge(penalties=(0.1, 1.0)), PLS(components=(2,))])
def test_folds_are_scored_on_stimuli_that_were_not_fitted(method: Ridge | PLS) -> None:
    values, responses = data()
    folds = np.arange(50) % 5
    scores = method.cross_validate(Features(values), responses, folds)
    flat = values.reshape(50, -1).astype(np.float64)
    train, test = folds != 2, folds == 2
    if isinstance(method, PLS):
        spread = responses[train].std(0)
        theirs = PLSRegression(2, scale=False).fit(flat[train], responses[train] / spread).predict(flat[test]) * spread
    else:
        scale = ((flat[train] - flat[train].mean(0)) ** 2).sum(1).mean()
        theirs = SklearnRidge(alpha=0.1 * scale).fit(flat[train], responses[train]).predict(flat[test])
    for site in range(4):
        assert scores.r[2, 0, site] == pytest.approx(
            np.corrcoef(theirs[:, site], responses[test, site])[0, 1], abs=1e-3
        )
        error = ((theirs[:, site] - responses[test, site]) ** 2).mean() / responses[:, site].var()
        assert scores.error[2, 0, site] == pytest.approx(error, rel=1e-3)


def test_sites_that_lack_stimuli_are_fitted_to_those_they_have() -> None:
    values, responses = data()
    ragged = responses.copy()
    ragged[:10, 1] = np.nan
    assert sorted(len(rows) for rows, _ in patterns(ragged)) == [40, 50]
    readout = Ridge(penalties=(1.0,)).fit(Features(values), ragged, np.zeros(4, dtype=np.int64))
    alone = Ridge(penalties=(1.0,)).fit(Features(values[10:]), responses[10:, 1:2], np.zeros(1, dtype=np.int64))
    assert torch.allclose(readout.weight[1], alone.weight[0], atol=1e-5)
    assert torch.allclose(readout.bias[1], alone.bias[0], atol=1e-3)
    scores = Ridge(penalties=(1.0,)).cross_validate(Features(values), ragged, np.arange(50) // 10)
    assert np.isnan(scores.r[0, 0, 1])
    assert np.isfinite(scores.r[1:, 0]).all()


def test_blocks_of_features_and_rows_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    values, responses = data()
    kernel = Features(values).kernel
    monkeypatch.setattr("synthstim.encoding.features._BLOCK_BYTES", 2000)
    blocks = Features(values)
    assert np.allclose(blocks.kernel, kernel, rtol=1e-5, atol=1e-4)
    rows = np.arange(5, 45)
    expected = (responses[rows] - responses[rows].mean(0)).T @ values[rows].reshape(40, -1)
    assert np.allclose(blocks.weights(responses[rows], rows)[0], expected, atol=1e-3)


# Masks fitted by gradient.


def test_the_roughness_of_a_mask_is_that_of_its_laplacian() -> None:
    mask = torch.zeros(3, 5, 5)
    mask[1, 2, 2] = 1.0
    mask[2] = torch.arange(5.0)
    found = roughness(mask.flatten(1), (5, 5))
    # A point: -4 at it, 1 at four neighbours. A slope: only where it ends.
    assert found.tolist() == [0.0, 20.0, 10.0]
    constant = torch.ones(1, 25)
    assert roughness(constant, (5, 5)).item() == 0


def test_gaussians_have_their_centre_and_unit_norm() -> None:
    centre, width = torch.tensor([[0.0, 0.0], [-0.5, 1.0]]), torch.tensor([0.3, 1e-3])
    mask = gaussian_mask(centre, width, (9, 9)).unflatten(1, (9, 9))
    assert torch.allclose(mask.flatten(1).norm(dim=1), torch.ones(2))
    assert [divmod(int(one.argmax()), 9) for one in mask] == [(4, 4), (2, 8)]
    mask = gaussian_mask(torch.tensor([[0.2, -0.3]]), torch.tensor([0.25]), (21, 21))
    at, spread = moments(mask, places_of(axis(21), axis(21)))
    assert torch.allclose(at, torch.tensor([[0.2, -0.3]]), atol=0.01)
    assert spread.item() == pytest.approx(0.25, abs=0.01)


def test_both_orders_of_summing_give_the_same_reading() -> None:
    generator = torch.Generator().manual_seed(0)
    for channels, places in ((3, 7), (7, 3)):
        maps = torch.rand(4, channels, places, generator=generator)
        mask, weight = torch.rand(5, places, generator=generator), torch.rand(5, channels, generator=generator)
        expected = torch.einsum("ncp,sp,sc->ns", maps, mask, weight)
        assert torch.allclose(read_maps(maps, mask, weight), expected)


def test_the_first_guess_is_the_best_product_of_mask_and_channels() -> None:
    generator = np.random.default_rng(0)
    values = torch.from_numpy(generator.normal(size=(90, 4, 6)).astype(np.float32))
    target = torch.from_numpy(generator.normal(size=(90, 70)).astype(np.float32))
    mask, channels = first_guess(values, target, iterations=60)
    covariance = torch.einsum("ncp,nr->rcp", values, target)
    left, _, right = torch.linalg.svd(covariance)
    product = torch.einsum("rc,rp->rcp", channels, mask).flatten(1)
    best = torch.einsum("rc,rp->rcp", left[:, :, 0], right[:, 0]).flatten(1)
    assert torch.nn.functional.cosine_similarity(product, best).abs().min() > 0.99


def test_large_layers_are_averaged_and_tokens_are_not() -> None:
    maps = Maps(Features(np.random.default_rng(0).normal(size=(5, 3, 45, 30)).astype(np.float32)))
    assert (maps.pool, maps.grid) == (3, (15, 10))
    tokens = Maps(Features(np.random.default_rng(0).normal(size=(5, 50, 7)).astype(np.float32)))
    assert (tokens.pool, tokens.grid, tuple(tokens.values.shape)) == (1, (50, 1), (5, 7, 50))
    assert pooled(torch.arange(10.0).view(1, 1, 1, 10), 4).flatten().tolist() == [1.5, 5.5, 8.5]
    with pytest.raises(InputError, match="no space to put a mask on"):
        axes_of_old(1)


def test_a_planted_mask_and_its_channels_are_recovered() -> None:
    # Of white maps: those of photographs leave directions that no response tells apart.
    maps = np.random.default_rng(0).normal(1, 2, size=(400, 6, 8, 8)).astype(np.float32)
    signal, mask, channels = planted(maps, 6)
    readout = Factorised(strengths=(1e-4,)).fit(Features(maps), signal, np.zeros(6, dtype=np.int64))
    weights = torch.einsum("sc,syx->scyx", readout.channels, readout.mask).flatten(1).detach().numpy()
    true = np.einsum("sc,syx->scyx", channels, mask).reshape(6, -1)
    assert np.allclose(weights, true, atol=0.1 * np.abs(true).max())
    assert min(np.corrcoef(found, wanted)[0, 1] for found, wanted in zip(weights, true, strict=True)) > 0.98


def test_responses_planted_on_maps_of_photographs_are_predicted() -> None:
    maps = maps_of(small(), 300, "2")
    signal, _, _ = planted(maps, 6)
    readout = Factorised(strengths=(1e-4,)).fit(Features(maps[:250]), signal[:250], np.zeros(6, dtype=np.int64))
    predicted = readout(torch.from_numpy(maps[250:])).detach().numpy()
    assert min(np.corrcoef(predicted[:, site], signal[250:, site])[0, 1] for site in range(6)) > 0.97
    assert np.allclose(predicted, signal[250:], atol=1.0)


def test_a_planted_gaussian_is_recovered() -> None:
    maps = maps_of(small(), 300, "2")
    signal, _, _ = planted(maps, 6)
    readout = Gaussian(strengths=(1e-6,)).fit(Features(maps), signal, np.zeros(6, dtype=np.int64))
    _, centres = gaussian_masks(6, maps.shape[2:])
    assert np.median(np.abs(readout.centre.detach().numpy() - centres)) < 0.1
    predicted = readout(torch.from_numpy(maps)).detach().numpy()
    assert np.median([np.corrcoef(predicted[:, site], signal[:, site])[0, 1] for site in range(6)]) > 0.97


@pytest.mark.parametrize("method", [Factorised(steps=30), Gaussian(steps=30)])
def test_sites_do_not_change_one_another(method: Factorised | Gaussian, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = maps_of(small(), 60, "2")
    signal, _, _ = planted(maps, 5)
    signal[:7, 2] = np.nan
    folds = np.arange(60) % 3
    together = method.cross_validate(Features(maps), signal, folds)
    alone = method.cross_validate(Features(maps), signal[:, [2]], folds)
    assert np.allclose(together.r[..., 2], alone.r[..., 0], atol=1e-3)
    monkeypatch.setattr("synthstim.encoding.descent._MAX_FLOATS", 60_000)
    chunks = method.cross_validate(Features(maps), signal, folds)
    assert np.allclose(together.r, chunks.r, atol=1e-3)


def test_held_out_stimuli_leave_no_trace_in_the_fit() -> None:
    maps = maps_of(small(), 60, "2")
    signal, _, _ = planted(maps, 3)
    folds = np.arange(60) % 3
    method = Factorised(strengths=(1e-3,), steps=30)
    spoilt = signal.copy()
    spoilt[folds == 1] = np.random.default_rng(0).normal(size=(20, 3)) * 50
    before, after = (
        method._descend(Maps(Features(maps)), part, folds, np.arange(3), np.full(3, 1), np.full(3, 1e-3))
        for part in (signal, spoilt)
    )
    assert torch.equal(before[0].mask, after[0].mask)
    assert torch.equal(before[0].channels, after[0].channels)


def test_a_readout_on_tokens_takes_them_as_places() -> None:
    tokens = torch.rand(3, 5, 7)
    readout = FactorisedReadout(torch.rand(2, 5, 1), torch.rand(2, 7), torch.zeros(2))
    expected = torch.einsum("npc,sp,sc->ns", tokens, readout.mask[..., 0], readout.channels)
    assert torch.allclose(readout(tokens), expected)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Ridge(penalties=()), "ridge penalties"),
        (lambda: Ridge(penalties=(0.0,)), "positive"),
        (lambda: PLS(components=(0,)), "from 1"),
        (lambda: Factorised(steps=0), "cannot be fitted"),
        (lambda: Gaussian(strengths=(-1.0,)), "cannot be fitted"),
    ],
)
def test_settings_that_mean_nothing_are_refused(make, said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize(
    ("r", "reliability", "said"),
    [
        ([0.1, -0.1, 0.2, 0.04], [0.9, 0.8, 0.9, 0.6], "4 sites repeat themselves, .*mean held-out r 0.06.*mixed up"),
        ([0.1, 0.0, 0.1, 0.0, 0.9], [0.9, 0.9, 0.9, 0.9, 0.3], "4 sites repeat themselves"),
        # Three sites may well be hard to predict.
        ([0.1, 0.0, 0.0], [0.9, 0.9, 0.9], None),
        ([np.nan] * 4, [0.9] * 4, None),
        ([0.1, 0.0, 0.0, 0.0], [0.4, np.nan, 0.9, 0.9], None),
        ([0.1, 0.0, 0.0, 0.4], [0.9, 0.9, 0.9, 0.9], None),
    ],
)
def test_sites_that_repeat_themselves_and_are_not_predicted_are_doubted(r: list, reliability: list, said: str) -> None:
    doubt = doubt_of(pd.DataFrame({"r": r, "reliability": reliability}))
    assert re.match(said, doubt) if said else doubt == ""
