"""Sets along a decoder's latents: every combination, labelled; pairs as far apart in pixels as is asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from engine_fixture import small_network
from heads_fixture import write_heads

from synthstim.decoders import open_decoder
from synthstim.errors import InputError
from synthstim.experiment import export_experiment
from synthstim.models import Unit, read_units
from synthstim.parametrise import Decoded
from synthstim.stimulus_set import SetWriter, StimulusSet, join_sets
from synthstim.variations import make_pairs, make_sweep
from synthstim.variations.pairs import equally_far
from synthstim.verify import check_set

SIDE = 32
OVER = {"yaw": [-60.0, 0.0, 60.0], "azimuth": [-40.0, 40.0]}


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    return write_heads(tmp_path_factory.mktemp("heads") / "heads")


@pytest.fixture(scope="module")
def decoded():
    return Decoded(open_decoder("head", (3, SIDE, SIDE)), hold={"pose": 0, "light": [0, 20], "shape": 0})


@pytest.fixture(scope="module")
def pairs(decoded, tmp_path_factory):
    return make_pairs(decoded, tmp_path_factory.mktemp("pairs") / "pairs", references=1, distances=[0.04])


@pytest.fixture(scope="module")
def swept(heads, tmp_path_factory):
    observer = small_network(size=(SIDE, SIDE))
    return make_sweep(heads, OVER, tmp_path_factory.mktemp("swept") / "swept", observer=observer), observer


def test_a_sweep_has_every_combination_and_the_rest_as_it_was(swept, heads):
    made, observer = swept
    table = made.table
    assert len(table) == 2 * 3 * 2
    assert table.groupby(["identity", "yaw", "azimuth"]).size().eq(1).all()
    head = Decoded(open_decoder("head", (3, SIDE, SIDE)))
    before = {name: head.named(torch.from_numpy(heads.latents(name))[None]) for name in ("who_0", "who_1")}
    for row in table.to_dict("records"):
        now = head.named(torch.from_numpy(made.latents(row["stimulus_id"]))[None])
        assert (now["yaw"].item(), now["azimuth"].item()) == pytest.approx((row["yaw"], row["azimuth"]))
        # What was held when it was made, whatever stands in the file.
        assert (now["pitch"].item(), now["elevation"].item()) == pytest.approx((0, 20))
        assert now["shape_3"].item() == pytest.approx(before[row["identity"]]["shape_3"].item())
        shown = made.stimulus(row["file"])
        np.testing.assert_allclose(
            shown, head.render(torch.from_numpy(made.latents(row["stimulus_id"]))[None])[0], atol=0.6 / 255
        )
        unit = read_units(observer, torch.from_numpy(shown)[None].double(), [Unit(layer="2", channel=1)])
        assert row["activation"] == pytest.approx(unit.item(), rel=1e-4)
    assert check_set(made, None).problems == []


def test_labels_are_conditions_of_an_experiment_and_survive_joining(swept, pairs, tmp_path):
    made, _ = swept
    out = export_experiment(made, out=tmp_path / "turned", protocol="passive_fixation", settings={"blocks": 1})
    assert len(list((out / "stimuli").glob("*.png"))) == 12
    joined, _ = join_sets([made.root, pairs.root], tmp_path / "joined")
    assert joined.table["yaw"].notna().sum() == 12
    assert set(joined.table["apart"].dropna()) == {"near", "far"}
    assert joined.table["yaw"].dtype == np.float64


def test_pairs_are_as_far_apart_as_asked_for_and_differ_in_latents_only_where_they_may(pairs, decoded):
    table = pairs.table
    assert len(table) == 2
    wanted = [float(name.split("_")[2].replace("p", ".")) for name in table["stimulus_id"]]
    np.testing.assert_allclose(table["pixel_distance"], wanted, rtol=0.03)
    wide = table.assign(wanted=wanted).pivot(index=["reference", "wanted"], columns="apart", values="latent_distance")
    assert (wide["far"] > 2 * wide["near"]).all()
    for name in table["stimulus_id"]:
        named = Decoded(decoded.decoder).named(torch.from_numpy(pairs.latents(name))[None])
        assert [named[key].item() for key in ("yaw", "pitch", "azimuth", "elevation")] == pytest.approx([0, 0, 0, 20])
    assert check_set(pairs, None).problems == []


def test_pairs_go_into_a_same_or_different_test(pairs, tmp_path):
    design = tmp_path / "design.yaml"
    design.write_text("conditions: [apart]\n")
    out = export_experiment(pairs, out=tmp_path / "test", protocol="same_different", design=design)
    plan = (out / "plan.tsv").read_text().splitlines()
    assert "apart" in plan[0].split("\t")


@pytest.mark.parametrize(
    ("over", "match", "code"),
    [
        ({}, "nothing to sweep given", "too-few"),
        ({"yaw": []}, "nothing to sweep given", "too-few"),
        ({"jaw": [1]}, "the decoder has no latent 'jaw': did you mean 'yaw'", "unknown"),
        ({"yaw": [0, 91]}, "yaw 91 given; expected -90 to 90 degrees", "value"),
        ({"shape_1": [30]}, "shape lies 30 standard deviations from its centre", "value"),
        ({"yaw": list(range(20_000))}, "40,000 images asked for; expected at most 20,000", "too-large"),
        ({"yaw": [0, 45, 0]}, "a value of yaw is given twice", "value"),
    ],
    ids=["none", "empty", "unknown", "bounds", "prior", "many", "twice"],
)
def test_sweeps_that_cannot_be_are_refused(heads, tmp_path, over, match, code):
    with pytest.raises(InputError, match=match) as caught:
        make_sweep(heads, over, tmp_path / "out")
    assert caught.value.code == code
    assert not (tmp_path / "out").exists()


def test_a_set_without_latents_or_with_constraints_is_refused(heads, tmp_path):
    with SetWriter(tmp_path / "plain") as writer:
        writer.add("grey", np.full((3, 8, 8), 0.5, np.float32), name="grey", kind="natural")
        plain = StimulusSet.read(writer.commit({}))
    with pytest.raises(InputError, match="no stimulus of plain has latents of a decoder"):
        make_sweep(plain, OVER, tmp_path / "out")
    with pytest.raises(InputError, match="heads has no stimulus 'who_3': did you mean"):
        make_sweep(heads, OVER, tmp_path / "out", only=["who_3"])
    recipe = heads.provenance["recipe"] + "    constraints: {mean_luminance: 0.4}\n"
    limited = StimulusSet(heads.root, heads.table, heads.provenance | {"recipe": recipe})
    with pytest.raises(InputError, match="who_0 was held to constraints, which a sweep would break"):
        make_sweep(limited, OVER, tmp_path / "out")
    with pytest.raises(InputError, match="who_0 has 50 latents; its decoder has 4"):
        make_sweep(heads, {"z_1": [0]}, tmp_path / "out", parametrisation=_other())


def _other():
    from synthstim.decoders import NetworkDecoder

    layers = torch.nn.Sequential(torch.nn.Linear(4, 3 * 64), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (3, 8, 8)))
    return Decoded(NetworkDecoder(layers, 4, (3, 8, 8)))


@pytest.mark.parametrize(
    ("distances", "said"),
    [
        ([0.001], r"a distance of 0\.001 given; expected at least 0\.01"),
        ([0.1, 0.1], "given twice"),
        ([float("nan")], "no number"),
    ],
)
def test_distances_that_cannot_be_are_refused(decoded, tmp_path, distances, said):
    with pytest.raises(InputError, match=said):
        make_pairs(decoded, tmp_path / "out", distances=distances)
    assert not (tmp_path / "out").exists()


def test_a_distance_that_the_prior_does_not_reach_is_refused(decoded):
    with pytest.raises(InputError, match="no two changes of latents within the prior lead 5 away") as caught:
        equally_far(decoded, decoded.draw(torch.Generator().manual_seed(0)), 5.0, torch.Generator())
    assert caught.value.code == "unattainable"


def test_a_label_cannot_take_the_name_of_a_column(tmp_path):
    with pytest.raises(InputError, match="every set has a column 'unit'"):
        SetWriter(tmp_path / "set", labels={"unit": ("text", "", "")})


def test_commands(heads, synthstim, tmp_path):
    said = synthstim("sweep", heads.root, "--over", "yaw=-45,0,45", "--over", "azimuth=30", "--only", "who_1", "--out", "turned", cwd=tmp_path, status=0)  # fmt: skip
    assert "3 images of 1 stimulus in turned" in said
    assert list(StimulusSet.read(tmp_path / "turned").table["yaw"]) == [-45, 0, 45]
    assert "yaw=left given; expected numbers" in synthstim(
        "sweep", heads.root, "--over", "yaw=left", "--out", "x", cwd=tmp_path
    )
    said = synthstim(
        "pairs",
        "--size",
        24,
        "--references",
        1,
        "--hold",
        "yaw=0",
        "--hold",
        "shape=0",
        "--out",
        "pairs",
        cwd=tmp_path,
        status=0,
    )
    assert "2 images of 1 reference in pairs" in said
    assert "the decoder 'heed' is unknown" in synthstim("pairs", "--decoder", "heed", "--out", "x", cwd=tmp_path)
