"""Controls: what controllers are compared with, as the saved files have it."""

import importlib
import json
import shutil

import numpy as np
import pytest
import torch
from encoding_fixture import maps_of, planted, recorded, small, stimuli
from engine_fixture import photograph

from synthstim.constraints import Luminance, brought_within
from synthstim.controls import Gabors, phase_scrambled
from synthstim.controls.cases import met
from synthstim.encoding import Fit, fit_sites
from synthstim.errors import InputError
from synthstim.modalities.image import linear_light, luminance, luminance_statistics
from synthstim.models import load_model
from synthstim.parametrise import Fourier
from synthstim.production import make
from synthstim.production.jobs import plan_jobs
from synthstim.production.limits import luminance_of
from synthstim.recipe import Recipe
from synthstim.report import write_report
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import check_set, natural_pool

ASKED = {"best_natural": 3, "noise": 2, "gabor": 1, "other_site": 2}
STIMULI = [
    {"name": "up", "kind": "controller", "goal": "drive", "unit": {"sites": ["site0", "site1", "site2"]}, "copies": 2},
    {"name": "down", "kind": "controller", "goal": "suppress", "unit": {"site": "site1"}},
    {"name": "alone", "kind": "controller", "goal": "one_hot", "unit": {"sites": ["site0", "site2"]}},
    {"name": "steps", "kind": "controller", "goal": "level", "unit": {"sites": ["site1"]}, "levels": [4.5, 6.0]},
    {"name": "pattern", "kind": "controller", "goal": "pattern", "pattern": {"site0": 0.5, "site2": -0.5}},
]
# Cases: three driven, one suppressed, two alone, two levels, one pattern.
CASES = 9


@pytest.fixture(scope="module")
def fit() -> Fit:
    observer = small()
    signal, _, _ = planted(maps_of(observer, 120, "3"), 3)
    return fit_sites(observer, recorded(signal), stimuli(120), ["3"], ceilings=False, shuffled=False, method="ridge")


def recipe_of(controls=ASKED, entries=STIMULI, **given):
    timed = [{**entry, "evaluations": 40} for entry in entries]
    return Recipe.from_dict({"observer": "x", "seed": 3, "controls": controls, "stimuli": timed, **given})


@pytest.fixture(scope="module")
def made(fit, tmp_path_factory) -> StimulusSet:
    return make(recipe_of(match_luminance=True), tmp_path_factory.mktemp("controls") / "set", observer=fit)


@pytest.fixture(scope="module")
def free(fit, tmp_path_factory) -> StimulusSet:
    return make(recipe_of({"best_natural": 4, "noise": 1}), tmp_path_factory.mktemp("free") / "set", observer=fit)


def images_of(made, names):
    files = dict(zip(made.table["stimulus_id"], made.table["file"], strict=True))
    return torch.from_numpy(np.stack([made.stimulus(files[name]) for name in names]))


def predictions(fit, images):
    with torch.no_grad():
        read = fit.observer.activations(images, ["sites", "sites_z"])
    return read["sites"].double(), read["sites_z"].double()


def score(row, sites, z):
    """What a row of controls.tsv is chosen by, written out."""
    if row.goal == "pattern":
        return -((z[:, [0, 2]] - torch.tensor([0.5, -0.5])) ** 2).mean(1).sqrt()
    place = int(row.unit[-1])
    values = sites[:, place]
    by_goal = {"drive": values, "suppress": -values, "level": -(values - row.level).abs()}
    others = torch.cat([z[:, :place], z[:, place + 1 :]], 1).logsumexp(1)
    return z[:, place] - 1.5 * others if row.goal == "one_hot" else by_goal[row.goal]


# Noise.


def spectrum(image):
    return torch.fft.rfft2(luminance(image[None].double()))[0].abs()


@pytest.mark.parametrize("name", ["chelsea", "grass", "astronaut", "moon"])
def test_noise_has_spectrum_luminance_and_contrast_of_its_image_after_8_bits(name):
    image = torch.from_numpy(photograph(name))
    noise = phase_scrambled(image, torch.Generator().manual_seed(1))
    filed = torch.round(noise * 255) / 255
    one, two = spectrum(image), spectrum(filed)
    assert float((one - two).norm() / one[1:].norm()) < 0.05
    for came, wanted in zip(luminance_statistics(filed.numpy()), luminance_statistics(image.numpy()), strict=True):
        assert came == pytest.approx(wanted, rel=5e-3)
    # Nothing of the picture is left.
    seen = torch.stack([luminance(part[None].double()).flatten() for part in (image, filed)])
    assert abs(float(torch.corrcoef(seen)[0, 1])) < 0.25


def test_noise_keeps_the_relation_of_colours():
    image = torch.from_numpy(photograph("chelsea"))
    noise = phase_scrambled(image, torch.Generator().manual_seed(1))
    between = [torch.corrcoef(linear_light(part.double()).flatten(1)) for part in (image, noise)]
    torch.testing.assert_close(between[0], between[1], atol=0.02, rtol=0)


def test_noise_of_strong_contrast_stays_in_range_at_its_contrast():
    generator = torch.Generator().manual_seed(0)
    fourier = Fourier((3, 64, 64))
    image = fourier.render(3 * torch.randn(1, *fourier.latent_shape, generator=generator))[0]
    noise = phase_scrambled(image, generator)
    assert float(noise.min()) >= 0
    assert float(noise.max()) <= 1
    mean, contrast = luminance_statistics(image.numpy())
    assert contrast > 0.9
    assert luminance_statistics(noise.numpy()) == pytest.approx((mean, contrast), rel=5e-3)


def test_noise_is_the_seed_s():
    image = torch.from_numpy(photograph("chelsea", (32, 32)))
    noise = [phase_scrambled(image, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(noise[0], noise[1])
    assert not torch.equal(noise[0], noise[2])


def test_grey_images_and_uniform_ones_have_noise_too():
    grey = torch.from_numpy(photograph("camera", (32, 32), channels=1))
    assert phase_scrambled(grey, torch.Generator().manual_seed(1)).shape == grey.shape
    flat = torch.full((3, 16, 16), 0.4)
    torch.testing.assert_close(phase_scrambled(flat, torch.Generator().manual_seed(1)), flat, atol=2e-3, rtol=0)


# Luminance and contrast of a set.


def test_colours_fade_so_that_every_image_comes_to_the_limit():
    generator = torch.Generator().manual_seed(0)
    red = torch.zeros(1, 3, 16, 16)
    red[:, 0] = torch.rand(16, 16, generator=generator)
    wanted = {"mean": 0.2, "rms_contrast": 0.5}
    cut, fade = (brought_within(red.double(), [Luminance(**wanted, colours=how)]) for how in ("cut", "fade"))
    limits = [Luminance(**wanted)]
    assert met(fade, limits).tolist() == [True]
    assert met(cut, limits).tolist() == [False]
    mild = torch.from_numpy(photograph("chelsea"))[None].double()
    near = Luminance(mean=0.2, rms_contrast=0.3)
    torch.testing.assert_close(
        near.project(mild), Luminance(mean=0.2, rms_contrast=0.3, colours="fade").project(mild), atol=0.02, rtol=0
    )
    with pytest.raises(InputError, match="colours 'bend' is unknown: choose cut or fade"):
        Luminance(mean=0.2, colours="bend").check((3, 8, 8))


def test_a_matched_set_stands_at_one_luminance_and_contrast(made, fit):
    limit = luminance_of(natural_pool(fit.observer))
    table = made.table
    assert set(table["kind"]) == {"controller", "natural", "control"}
    assert table["mean_luminance"].to_numpy() == pytest.approx(limit.mean, rel=0.01)
    assert table["rms_contrast"].to_numpy() == pytest.approx(limit.rms_contrast, rel=0.01)
    for row in table.itertuples():
        assert luminance_statistics(made.stimulus(row.file)) == pytest.approx(
            (row.mean_luminance, row.rms_contrast), abs=1e-5
        )


def test_metamers_are_not_touched_by_match_luminance(fit):
    entries = [STIMULI[0], {"name": "m", "kind": "metamer", "reference": __file__, "layers": ["1"]}]
    recipe = Recipe.model_validate({"observer": "x", "match_luminance": True, "stimuli": entries})
    from synthstim.production.limits import constraints_of

    limit = Luminance(mean=0.2, rms_contrast=0.4)
    assert [constraints_of(entry, recipe, fit.observer, limit) for entry in recipe.stimuli] == [[limit], []]


# The set.


def test_every_case_has_its_controls(made):
    controls = made.companion("controls.tsv")
    cases = list(controls.groupby(["unit", "goal", "level"], dropna=False))
    assert len(cases) == CASES
    rows = made.table.set_index("stimulus_id")
    for (_unit, goal, _level), own in cases:
        counts = own["control"].value_counts()
        assert (counts["best_natural"], counts["noise"], counts["gabor"]) == (3, 2, 1)
        # Three driven and two alone have peers; each of these sees one or two of them.
        assert counts.get("other_site", 0) == {"drive": 2, "one_hot": 1}.get(goal, 0)
    for row in controls.itertuples():
        kind = rows.loc[row.stimulus_id, "kind"]
        assert kind == {"best_natural": "natural", "other_site": "controller"}.get(row.control, "control")
        if row.control == "other_site":
            assert rows.loc[row.stimulus_id, "goal"] == row.goal
            assert rows.loc[row.stimulus_id, "unit"] == row.of != row.unit
        if row.control == "noise":
            assert (rows.loc[row.of, "unit"], rows.loc[row.of, "goal"]) == (row.unit, row.goal)
        if kind == "control":
            assert rows.loc[row.stimulus_id, "unit"] == row.unit
            assert rows.loc[row.stimulus_id, "activation"] == pytest.approx(row.activation)
    assert len(set(made.table["sha256"])) == len(made.table)


def test_activations_of_controls_are_those_of_the_files(made, fit):
    controls = made.companion("controls.tsv")
    sites, z = predictions(fit, images_of(made, controls["stimulus_id"]))
    for at, row in enumerate(controls.itertuples()):
        value = -score(row, sites, z)[at] if row.goal == "pattern" else sites[at, int(row.unit[-1])]
        assert row.activation == pytest.approx(float(value), rel=1e-4, abs=1e-5)


def test_best_natural_is_the_pool_s_best(free, fit):
    pool = natural_pool(fit.observer)
    sites, z = predictions(fit, torch.from_numpy(np.stack([pool.stimulus(number) for number in range(len(pool))])))
    controls = free.companion("controls.tsv")
    controls = controls[controls["control"] == "best_natural"]
    for _, own in controls.groupby(["unit", "goal", "level"], dropna=False):
        rows = list(own.itertuples())
        chosen = [int(row.stimulus_id.split("_")[1]) for row in rows]
        for row, number in zip(rows, chosen, strict=True):
            assert np.array_equal(images_of(free, [row.stimulus_id])[0].numpy(), pool.stimulus(number))
            assert row.of == pool.names[pool.origin[number]]
        order = score(rows[0], sites, z).argsort(descending=True).tolist()
        taken, wanted = [], []
        for number in order:
            taken.append(pool.origin[number])
            wanted += [number] if taken.count(pool.origin[number]) <= 2 else []
        assert chosen == wanted[:4]


def test_a_natural_that_several_choose_is_written_once(made):
    controls = made.companion("controls.tsv")
    naturals = controls[controls["control"] == "best_natural"]
    assert naturals["stimulus_id"].nunique() == (made.table["kind"] == "natural").sum() < len(naturals)
    shared = naturals["stimulus_id"].value_counts()
    of_several = made.table.set_index("stimulus_id").loc[shared.index[shared > 1]]
    assert of_several["unit"].isna().all()
    assert of_several["activation"].isna().all()


def test_noise_of_a_set_is_matched_to_its_controller(free):
    rows = free.table.set_index("stimulus_id")
    controls = free.companion("controls.tsv")
    for row in controls[controls["control"] == "noise"].itertuples():
        one, two = rows.loc[row.of], rows.loc[row.stimulus_id]
        assert two["mean_luminance"] == pytest.approx(one["mean_luminance"], rel=0.01)
        assert two["rms_contrast"] == pytest.approx(one["rms_contrast"], rel=0.02)


# Gabors.


def test_gabors_are_gabors():
    gabors = Gabors((3, 33, 33))
    wanted = torch.tensor([[0.2, -0.1, 0.2, 0.0, 4.0, 0.0, 0.9]], dtype=torch.float64)
    latents = gabors.latents(wanted)
    torch.testing.assert_close(gabors.parameters(latents), wanted)
    image = gabors.render(latents)[0]
    assert image.shape == (3, 33, 33)
    assert torch.equal(image[0], image[2])
    peak = divmod(int(image[0].argmax()), 33)
    assert peak == (round(16 - 0.1 * 33), round(16 + 0.2 * 33))
    assert float(image.max()) == pytest.approx(0.95, abs=0.03)
    # Orientation 0: bars are upright, so the wave runs across.
    assert float(image[0, peak[0], peak[1] + 4] - 0.5) < -0.1
    assert float(image[0, peak[0] + 4, peak[1]] - 0.5) > 0.1
    assert float(gabors.render(20 * torch.randn(50, 7)).min()) >= 0


def test_a_gradient_reaches_every_latent():
    gabors = Gabors((1, 24, 24))
    latents = (
        0.3 * torch.randn(4, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ).requires_grad_()
    weights = torch.rand(24, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    (gradient,) = torch.autograd.grad((gabors.render(latents) * weights).sum(), latents)
    assert (gradient.abs() > 1e-9).all()


def test_a_fitted_gabor_beats_random_ones(made, fit):
    controls = made.companion("controls.tsv")
    limit = luminance_of(natural_pool(fit.observer))
    gabors = Gabors((3, 16, 16))
    random = gabors.render(torch.randn(200, 7, generator=torch.Generator().manual_seed(5), dtype=torch.float64))
    filed = np.stack(
        [fit.observer.input.modality.rounded(one) for one in brought_within(random, [limit]).float().numpy()]
    )
    sites, z = predictions(fit, torch.from_numpy(filed))
    for row in controls[controls["control"] == "gabor"].itertuples():
        own = score(row, *predictions(fit, images_of(made, [row.stimulus_id])))[0]
        others = score(row, sites, z)
        assert own > others.quantile(0.95)
        if row.goal in ("drive", "suppress"):
            assert own > others.max()
    facts = made.provenance["stimuli"]["gabor_up_site0_0"]["gabor"]
    assert set(facts) == {"x", "y", "sigma", "orientation_deg", "cycles", "phase_deg", "contrast"}
    assert 0 <= facts["orientation_deg"] < 180


# Checks, reports, resuming.


def test_check_measures_controls_again(made, fit, tmp_path):
    assert check_set(made, fit.observer).problems == []
    shutil.copytree(made.root, tmp_path / "set")
    rows = made.table.set_index("stimulus_id")
    was = f"{rows.loc['noise_up_site0_0', 'activation']:.7g}"
    table = tmp_path / "set" / "stimuli.tsv"
    table.write_text(table.read_text().replace(was, f"{float(was) + 1:.7g}", 1))
    _of_file, problem = check_set(StimulusSet.read(tmp_path / "set"), fit.observer).problems
    assert problem.startswith("noise_up_site0_0: activation")


def test_report_shows_controls_beside_controllers(made, tmp_path):
    page = write_report(made, tmp_path / "report.html").read_text()
    for words in (
        "control: natural, predicted best, drive",
        "control: noise of equal spectrum, level 4.5",
        "control: fitted Gabor, pattern",
    ):
        assert words in page


def test_interrupted_and_repeated_runs_give_the_same_bytes(made, fit, tmp_path, monkeypatch):
    # The package's attribute of that name is the function.
    module = importlib.import_module("synthstim.controls.other_site")

    def fail(*_given):
        raise KeyboardInterrupt

    recipe = recipe_of(match_luminance=True)
    with monkeypatch.context() as patched:
        patched.setattr(module, "other_site", fail)
        with pytest.raises(KeyboardInterrupt):
            make(recipe, tmp_path / "set", observer=fit)
    work = tmp_path / ".set.work"
    assert list(work.glob("gabor-0*.safetensors"))
    from synthstim.controls import gabor

    monkeypatch.setattr(gabor, "_fitted", fail)
    again = make(recipe, tmp_path / "set", observer=fit, resume=True)
    assert not work.exists()
    assert list(again.table["sha256"]) == list(made.table["sha256"])
    assert (again.root / "controls.tsv").read_bytes() == (made.root / "controls.tsv").read_bytes()
    facts = [json.loads((one.root / "provenance.json").read_text())["stimuli"] for one in (made, again)]
    assert facts[0] == facts[1]


# What is refused, and what sounds have.


SOUND = {"name": "u", "kind": "controller", "goal": "drive", "unit": {"layer": "conv1", "channel": 3}, "evaluations": 2}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"controls": {"noise": 1}}, "controls.noise is for images, the observer is played sounds: remove it"),
        ({"controls": {"gabor": 1}}, "controls.gabor is for images"),
        ({"match_luminance": True}, "match_luminance is for images"),
    ],
)
def test_controls_of_images_are_refused_for_sounds(given, reason):
    observer = load_model("whisper-tiny.en", seconds=0.5)
    with pytest.raises(InputError, match=reason):
        plan_jobs(Recipe.from_dict({"observer": "x", "stimuli": [SOUND], **given}), observer)


def test_sounds_have_natural_controls_and_those_of_other_units(tmp_path):
    observer = load_model("whisper-tiny.en", seconds=0.5)
    entry = SOUND | {"unit": {"layer": "conv1", "channels": [3, 5]}}
    asked = {"best_natural": 2, "other_site": 1}
    sounds = make({"observer": "x", "controls": asked, "stimuli": [entry]}, tmp_path / "set", observer=observer)
    controls = sounds.companion("controls.tsv")
    assert list(controls["control"]) == ["best_natural"] * 4 + ["other_site"] * 2
    assert controls["activation"][:4].min() > controls["activation"][4:].max()
    assert sounds.table["level_dbfs"].to_numpy() == pytest.approx(-26, abs=0.01)
    assert check_set(sounds, observer).problems == []
