"""The natural pool, chance matches and measurements, against brute force."""

import numpy as np
import pytest
import torch
from engine_fixture import photograph, small_network
from scipy.stats import pearsonr, spearmanr

from synthstim.errors import InputError
from synthstim.goals.aim import Aim
from synthstim.modalities.image import write_png
from synthstim.models import Unit
from synthstim.verify import Measurer, judge, match_of, natural_pool, null_distribution


@pytest.fixture(scope="module")
def pool(observer):
    return natural_pool(observer)


def test_pool_is_many_crops_of_a_dozen_photographs_and_always_the_same(observer, pool):
    assert len(pool) >= 500
    assert len(pool.names) >= 12
    again = natural_pool(observer)
    assert np.array_equal(again.stored, pool.stored)
    assert again.sha256 == pool.sha256


@pytest.mark.parametrize("name", ["chelsea", "coffee", "grass"])
def test_pool_knows_the_photograph_of_a_reference(name):
    from synthstim.models import load_model

    pool = natural_pool(load_model(size=(64, 64)))
    assert {pool.names[number] for number in pool.recognise(photograph(name))} == {f"{name}.png"}


def test_no_photograph_is_taken_for_another():
    pool = natural_pool(small_network(size=(64, 64)))
    for crop in pool.subset(2 * len(pool.names)):
        assert pool.recognise(pool.stimulus(crop)) == {pool.origin[crop]}
    rng = np.random.default_rng(0)
    assert pool.recognise(rng.random((3, 64, 64), dtype=np.float32)) == set()


def test_pool_of_a_folder(observer, tmp_path):
    for number in range(5):
        write_png(tmp_path / f"{number}.png", np.random.default_rng(number).random((3, 20, 24), dtype=np.float32))
    pool = natural_pool(observer, tmp_path)
    assert (len(pool.names), pool.source) == (5, tmp_path.name)
    (tmp_path / "few").mkdir()
    with pytest.raises(InputError, match="at least 4 photographs"):
        natural_pool(observer, tmp_path / "few")


def test_null_is_every_pair_of_different_photographs(observer, pool):
    null = null_distribution(observer, ["0"], pool)
    crops = pool.subset(128)
    with torch.no_grad():
        read = torch.cat(
            [observer.activations(batch, ["0"])["0"].flatten(1) for batch in pool.batches(observer, crops)]
        )
    features = read.numpy()
    for one, two in ((0, 20), (100, 3), (50, 51)):
        error = np.linalg.norm(features[one] - features[two]) / np.linalg.norm(features[two])
        assert null.pairs["match_db"][one, two] == pytest.approx(-20 * np.log10(error), abs=1e-2)
        assert null.pairs["pearson"][one, two] == pytest.approx(pearsonr(features[one], features[two])[0], abs=1e-3)
        assert null.pairs["spearman"][one, two] == pytest.approx(spearmanr(features[one], features[two])[0], abs=1e-3)
    photographs = pool.origin[crops]
    different = photographs[:, None] != photographs[None]
    assert len(null.values("match_db", set())) == different.sum()
    without = different & (photographs != 3)[:, None] & (photographs != 3)[None]
    assert len(null.values("match_db", {3})) == without.sum() == null.facts({3})["pairs"]


def test_a_metamer_is_measured_as_defined(observer, pool):
    random = np.random.default_rng(0)
    reference = pool.stimulus(40)
    image = np.clip(reference + random.normal(0, 0.02, reference.shape), 0, 1).astype(np.float32)
    measured = Measurer(observer, pool).metamer(image, reference, ["0", "2"])
    errors = []
    for layer in ("0", "2"):
        both = torch.from_numpy(np.stack([image, reference])).double()
        one, two = observer.activations(both, [layer])[layer].flatten(1).detach().numpy()
        errors.append((np.linalg.norm(one - two) / np.linalg.norm(two)) ** 2)
    assert measured["match_db"] == pytest.approx(-10 * np.log10(np.mean(errors)), abs=1e-6)
    assert measured["null_percentile"] > 95
    decided = [observer.decide(torch.from_numpy(part[None]).double()) for part in (image, reference)]
    assert measured["same_class"] == (decided[0] == decided[1])
    same = match_of(observer, reference, reference, ["0"])
    assert (same["pearson"], same["spearman"]) == (pytest.approx(1), pytest.approx(1))


def test_controllers_are_held_against_the_pool(observer, pool):
    measurer = Measurer(observer, pool)
    unit = Unit(layer="2", channel=3)
    values = measurer.natural_activations([unit])[:, 0]
    for goal, extreme in (("drive", values.max()), ("suppress", values.min())):
        aim = Aim(goal=goal, unit=unit)
        best = pool.stimulus(measurer.natural_order(aim)[0][0])
        measured = measurer.controller(best, aim)
        assert measured["activation"] == pytest.approx(extreme, rel=1e-5)
        assert measured["best_natural"] == pytest.approx(extreme)
    near = Aim(goal="level", unit=unit, level=float(np.median(values)))
    assert abs(measurer.natural_order(near)[1][0] - near.level) == np.abs(values - near.level).min()


CRITERIA = {"null_percentile": 100.0, "same_class": True}
GOOD = {"null_percentile": 100.0, "same_class": True, "match_db": 25.0}


@pytest.mark.parametrize(
    ("measured", "target", "said"),
    [
        (GOOD, None, ""),
        (GOOD | {"null_percentile": 99.9}, None, "percentile"),
        (GOOD | {"same_class": False}, None, "most active output"),
        (GOOD, 30.0, "30 was wanted"),
    ],
)
def test_a_metamer_fails_for_a_reason_or_passes(measured, target, said):
    status, reason = judge(Aim(goal="match", layers=("a",)), measured, CRITERIA, target)
    assert status == ("failed" if said else "passed")
    assert said in reason


def test_aims_survive_the_provenance():
    unit = Unit(layer="a", channel=2, position=(1, 3))
    aim = Aim(goal="one_hot", unit=unit, others=(Unit(layer="a", indices=(4, 5)),))
    assert Aim.from_facts(aim.facts()) == aim
    level = Aim(goal="level", unit=unit, level=2.5)
    assert Aim.from_facts(level.facts()) == level
    with pytest.raises(InputError, match="is a function"):
        Aim.from_facts(Aim(goal="drive", unit=Unit(layer="a", reader=lambda values: values, label="mine")).facts())
    with pytest.raises(InputError, match="cannot be read"):
        Aim.from_facts({"units": 3})
