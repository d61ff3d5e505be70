"""Recipes that name fitted sites: what they may say, what they ask for, and that the images do it."""

import numpy as np
import pytest
import torch
from encoding_fixture import crops, maps_of, names, planted, recorded, small, stimuli

from synthstim.encoding import Fit, Stimuli, fit_sites, save_fit
from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.models import Unit, load_model, read_units
from synthstim.objectives import drive, one_hot, pattern
from synthstim.production import make
from synthstim.production.jobs import plan_jobs
from synthstim.recipe import Recipe, expand, read_recipe
from synthstim.verify import Measurer, check_set, natural_pool

SITES = ("site0", "site1", "site2", "site3", "site4")


@pytest.fixture(scope="module")
def fit() -> Fit:
    observer = small()
    signal, _, _ = planted(maps_of(observer, 120, "3"), len(SITES))
    return fit_sites(
        observer, recorded(signal), stimuli(120), ["3"], members="folds", ceilings=False, shuffled=False, method="ridge"
    )


def entry(goal="drive", name="a", **given):
    unit = {} if goal == "pattern" or "unit" in given else {"unit": {"site": "site1"}}
    return {"name": name, "kind": "controller", "goal": goal, **unit, **given}


def recipe_of(*entries, **given):
    return Recipe.from_dict({"observer": "x", "stimuli": list(entries), **given})


def written(folder, *lines):
    path = folder / "recipe.yaml"
    path.write_text(
        "observer: x\nstimuli:\n"
        + "".join(f"  - {{name: e{n}, kind: controller, {line}}}\n" for n, line in enumerate(lines))
    )
    return read_recipe(path)


def ids(recipe, sites=SITES):
    return [item.stimulus_id for item in expand(recipe, sites)]


def test_ids_say_site_and_level():
    steps = entry("level", "steps", unit={"sites": ["site1"]}, levels=[0, 2.5, -1])
    both = entry("suppress", "both", unit={"sites": ["site3", "site1"]}, copies=2)
    assert ids(recipe_of(entry(), both, steps, entry("pattern", "p", pattern={"site1": 1}, copies=2))) == [
        *("a_0", "both_site3_0", "both_site3_1", "both_site1_0", "both_site1_1"),
        *("steps_site1_at0_0", "steps_site1_at2-5_0", "steps_site1_at-1_0", "p_0", "p_1"),
    ]


def test_all_stands_for_the_sites_of_the_observer():
    recipe = recipe_of(entry(unit={"sites": "all"}))
    assert ids(recipe) == [f"a_{site}_0" for site in SITES]
    assert [item.site for item in expand(recipe, ["7", "007"])] == ["7", "007"]
    # Names that differ only in what an id cannot hold.
    assert len(set(ids(recipe, ["v4.1", "v4-1", "v4 1"]))) == 3


def test_layer_of_sites_is_implied_and_written_out():
    recipe = recipe_of(entry("one_hot", unit={"sites": ["site1", "site2"]}, others={"sites": ["site0"]}))
    assert recipe.stimuli[0].unit.layer == recipe.stimuli[0].others.layer == "sites"
    assert Recipe.from_text(recipe.text, recipe.folder) == recipe


def test_seeds_of_sites_and_levels_never_change():
    recipe = recipe_of(
        entry(unit={"sites": ["site1"]}),
        entry("level", "b", levels=[2, 2.5]),
        entry("level", "c", unit={"layer": "l", "channel": 1}, level=3),
    )
    assert [item.seed for item in expand(recipe)] == [37255919147162, 53706320696203, 172568335745202, 194317679045184]


def test_seeds_stay_when_sites_and_levels_come_and_go():
    def seeds(*entries):
        return {item.stimulus_id: item.seed for item in expand(recipe_of(*entries), SITES)}

    few = seeds(entry(unit={"sites": ["site3"]}), entry("level", "l", levels=[2]))
    more = seeds(entry(unit={"sites": "all"}, copies=2), entry("level", "l", levels=[4, 2.0, 1]))
    assert few.items() <= more.items()


BAD = [
    ("goal: drive, unit: {site: a, sites: [b]}", "unit.sites does not go with site: give exactly one of"),
    ("goal: drive, unit: {site: a, channel: 1}", "unit.channel does not go with site"),
    ("goal: drive, unit: {layer: conv, site: a}", "unit.layer is 'conv', but fitted sites stand on 'sites': remove it"),
    ("goal: drive, unit: {site: a, position: mean}", "unit.position goes with channels only"),
    (
        "goal: drive, unit: {sites: []}",
        "unit.sites: an empty list given; expected 'all' or a list of the names of sites",
    ),
    ("goal: drive, unit: {sites: every}", "unit.sites: 'every' (text) given; expected 'all' or a list"),
    ("goal: drive, unit: {sites: [a, 7]}", "unit.sites[1] is 7; expected the name of a site: put it in quotes"),
    ("goal: drive, unit: {sites: [a, a]}", "unit.sites[1] repeats 'a'"),
    ("goal: drive", "unit is missing; expected a mapping with the keys layer and channel, or site"),
    ("goal: drive, unit: {site: a}, levels: [1, 2]", "levels goes with goal 'level', but the goal here is 'drive'"),
    ("goal: level, unit: {site: a}", "goal 'level' needs level"),
    ("goal: level, unit: {site: a}, levels: []", "levels: an empty list given; expected a list of activations"),
    ("goal: level, unit: {site: a}, levels: [1, 1]", "levels[1] repeats 1"),
    ("goal: level, unit: {site: a}, levels: [1, .nan]", "levels[1]: .nan (number) given; expected a number"),
    ("goal: level, unit: {site: a}, levels: [1], level: 1", "level does not go with levels: remove it"),
    ("goal: level, unit: {site: a}, levels: [1], target: 1", "target does not go with levels: remove it"),
    ("goal: pattern", "pattern is missing; expected z-scores by the names of sites"),
    ("goal: pattern, pattern: {}", "pattern: an empty mapping given; expected z-scores by the names of sites"),
    ("goal: pattern, pattern: {a: .nan}", "pattern.a: .nan (number) given; expected a number"),
    ("goal: pattern, pattern: {a: up}", "pattern.a: 'up' (text) given; expected a number"),
    (
        "goal: pattern, pattern: {a: 1}, unit: {site: a}",
        "unit goes with goal 'drive', 'level', 'one_hot' or 'suppress', but the goal here is 'pattern': remove it",
    ),
    ("goal: drive, unit: {site: a}, pattern: {a: 1}", "pattern goes with goal 'pattern', but the goal here is 'drive'"),
    (
        "goal: one_hot, unit: {site: a}, others: {layer: l, channels: [1]}",
        "others are units of a layer, but what is driven is a site",
    ),
    (
        "goal: one_hot, unit: {layer: l, channel: 1}, others: {sites: [a]}",
        "others are sites, but what is driven is a unit of a layer",
    ),
    ("goal: one_hot, unit: {layer: l, channel: 1}", "goal 'one_hot' needs others"),
    ("goal: drive, unit: {layer: l, channel: 1}, caution: 1", "caution goes with fitted sites"),
    ("goal: one_hot, unit: {site: a}, caution: 1", "caution goes with goal 'drive', 'level' or 'suppress', but"),
    (
        "goal: drive, unit: {site: a}, caution: -1",
        "caution: -1 (whole number) given; expected a number from 0 to 1000000",
    ),
]


@pytest.mark.parametrize(("line", "fragment"), BAD, ids=range(len(BAD)))
def test_each_mistake_is_a_sentence_with_its_line(tmp_path, line, fragment):
    with pytest.raises(InputError) as error:
        written(tmp_path, "goal: drive, unit: {site: good}", line)
    (told,) = [sentence for sentence in str(error.value).splitlines() if fragment in sentence]
    assert told.startswith("recipe.yaml, line 4: stimuli[1].")


WHOLE = [
    ({"controls": {"noise": 1}}, {"name": "noise"}, "stimuli[0].name is 'noise', as ids of controls begin"),
    ({"controls": {"noise": 1}}, {"name": "Gabor_v4"}, "stimuli[0].name is 'Gabor_v4', as ids of controls begin"),
    ({"controls": {"nosie": 1}}, {}, "controls.nosie is unknown: did you mean 'noise'?"),
    ({"controls": {"noise": -1}}, {}, "controls.noise: -1 (whole number) given; expected a whole number from 0 to 100"),
    (
        {"match_luminance": True},
        {"constraints": {"rms_contrast": 0.3}},
        "rms_contrast does not go with match_luminance",
    ),
]


@pytest.mark.parametrize(("given", "own", "fragment"), WHOLE)
def test_mistakes_about_controls(given, own, fragment):
    with pytest.raises(
        InputError, match=fragment.replace("[", r"\[").replace("?", r"\?").replace("(", r"\(").replace(")", r"\)")
    ):
        recipe_of(entry() | own, **given)


def test_controls_go_with_controllers(tmp_path):
    (tmp_path / "cat.png").write_bytes(b"")
    cat = {"name": "cat", "kind": "metamer", "reference": "cat.png", "layers": ["a"]}
    with pytest.raises(InputError, match="controls go with controllers"):
        Recipe.from_dict({"observer": "x", "controls": {"noise": 1}, "stimuli": [cat]}, tmp_path)


def test_sites_are_looked_for_before_anything_runs(tmp_path, fit):
    recipe = written(
        tmp_path,
        "goal: drive, unit: {sites: [site1, sit3]}",
        "goal: pattern, pattern: {site0: 1, stie2: 1}",
        "goal: one_hot, unit: {site: site1}, others: {sites: [site1]}",
        "goal: one_hot, unit: {site: site9}, others: {sites: [site7, site1]}",
    )
    with pytest.raises(InputError) as error:
        plan_jobs(recipe, fit.observer)
    told = str(error.value).splitlines()
    assert told[0].startswith(
        "recipe.yaml, line 3: stimuli[0].unit.sites[1] names 'sit3', but no fitted site is called so: did you mean 'site3'"
    )
    assert told[1].startswith("recipe.yaml, line 4: stimuli[1].pattern.stie2 names 'stie2'")
    assert (
        told[2]
        == "recipe.yaml, line 5: stimuli[2].goal is 'one_hot', but there is no site to hold down beside 'site1': name others"
    )
    assert [line.split(" names")[0] for line in told[3:]] == [
        "recipe.yaml, line 6: stimuli[3].unit.site",
        "recipe.yaml, line 6: stimuli[3].others.sites[0]",
    ]


def test_sites_want_a_fit_and_caution_an_ensemble(tmp_path, fit):
    with pytest.raises(
        InputError, match=r"line 3: stimuli.0..unit is of fitted sites, but small has none: write observer: fit:FOLDER"
    ):
        plan_jobs(written(tmp_path, "goal: drive, unit: {sites: all}"), small())
    single = fit_sites(
        small(),
        recorded(planted(maps_of(small(), 120, "3"), 2)[0]),
        stimuli(120),
        ["3"],
        ceilings=False,
        shuffled=False,
        method="ridge",
    )
    with pytest.raises(
        InputError, match=r"stimuli.0..caution wants the spread of an ensemble, but sites on small is one fit"
    ):
        plan_jobs(recipe_of(entry(caution=0.5)), single.observer)


def test_what_aims_and_objectives_read(fit):
    recipe = recipe_of(
        entry("one_hot", unit={"sites": "all"}), entry("one_hot", "b", others={"sites": ["site1", "site4"]})
    )
    one, two = plan_jobs(recipe, fit.observer)
    assert [aim.unit_name for aim in one.aims] == list(SITES)
    assert [unit.name for unit in one.aims[1].others] == ["site0", "site2", "site3", "site4"]
    assert [unit.name for unit in two.aims[0].others] == ["site4"]
    for aim in one.aims:
        assert Aim.from_facts(aim.facts()) == aim
    images = torch.rand(5, 3, 16, 16)
    from synthstim.production.jobs import objective_of

    scorer = objective_of(one, range(5), Measurer(fit.observer, natural_pool(fit.observer))).bind(fit.observer, 5)
    read = fit.observer.activations(images, ["sites", "sites_z"])
    assert scorer.layers == ("sites_z",)
    # Fitted sites' others count more.
    others = read["sites_z"].masked_fill(torch.eye(5, dtype=torch.bool), -torch.inf).logsumexp(1)
    torch.testing.assert_close(scorer(images, {"sites_z": read["sites_z"]}), read["sites_z"].diagonal() - 1.5 * others)


def test_caution_takes_the_spread_from_the_score(fit):
    images = torch.rand(3, 3, 16, 16)
    read = fit.observer.activations(images, ["sites", "sites_spread"])
    measurer = Measurer(fit.observer, natural_pool(fit.observer))
    for goal, sign in (("drive", 1), ("suppress", -1)):
        recipe = recipe_of(entry(goal, unit={"sites": ["site2"]}, copies=3, caution=0.5))
        (job,) = plan_jobs(recipe, fit.observer)
        scorer = GOALS[goal].objective(recipe.stimuli[0], job.aims, measurer).bind(fit.observer, 3)
        wanted = sign * read["sites"][:, 2] - 0.5 * read["sites_spread"][:, 2]
        torch.testing.assert_close(scorer(images, read), wanted)


def test_one_hot_of_channels_drives_each_channel():
    # Channels of one entry share a batch, and each is the target of its own items.
    recipe = recipe_of(
        entry(
            "one_hot", unit={"layer": "2", "channels": [1, 2]}, others={"layer": "2", "channels": [5, 6]}, zscore=False
        )
    )
    observer = small()
    (job,) = plan_jobs(recipe, observer)
    from synthstim.production.jobs import objective_of

    images = torch.rand(2, 3, 16, 16)
    scorer = objective_of(job, range(2), Measurer(observer, natural_pool(observer))).bind(observer, 2)
    read = observer.activations(images, ["2"])
    centre = read["2"][:, :, 3, 3]
    wanted = [torch.softmax(centre[row, [channel, 5, 6]], 0)[0].logit() for row, channel in enumerate((1, 2))]
    torch.testing.assert_close(scorer(images, read), torch.stack(wanted))


def test_targets_of_their_own_are_scored_as_alone(fit):
    targets = [fit.unit(site, standardised=True) for site in ("site0", "site3", "site3")]
    others = [
        [fit.unit(site, standardised=True) for site in sites]
        for sites in (("site1",), ("site1", "site2", "site4"), ("site0",))
    ]
    images = torch.rand(3, 3, 16, 16)
    scorer = one_hot(targets, others, temperature=0.5).bind(fit.observer, 3)
    read = fit.observer.activations(images, scorer.layers)
    for row in range(3):
        alone = one_hot(targets[row], others[row], temperature=0.5).bind(fit.observer, 3)(images, read)
        torch.testing.assert_close(scorer(images, read)[row], alone[row])
        part = {layer: values[row : row + 1] for layer, values in read.items()}
        torch.testing.assert_close(scorer.select(torch.tensor([row]))(images[row : row + 1], part)[0], alone[row])
    with pytest.raises(InputError, match="3 targets given for 4 items"):
        one_hot(targets, others).bind(fit.observer, 4)
    with pytest.raises(InputError, match="2 lists of others given for 3 targets"):
        one_hot(targets, others[:2])


def test_pattern_is_minus_the_distance(fit):
    units = [fit.unit(site, standardised=True) for site in ("site4", "site1")]
    images = torch.rand(2, 3, 16, 16)
    read = fit.observer.activations(images, ["sites_z"])
    z = read["sites_z"][:, [4, 1]]
    for values in (torch.tensor([1.0, -1.0]), torch.tensor([[1.0, -1.0], [0.0, 2.0]])):
        wanted = -(z - values).square().mean(1).sqrt()
        torch.testing.assert_close(pattern(units, values).bind(fit.observer, 2)(images, read), wanted)
    met = images.clone().requires_grad_()
    read = fit.observer.activations(met, ["sites_z"])
    score = pattern(units, read["sites_z"][:, [4, 1]].detach()).bind(fit.observer, 2)(met, read)
    assert torch.isfinite(torch.autograd.grad(score.sum(), met)[0]).all()
    for bad, reason in (
        ([1.0], r"a pattern of \(1,\) values given for 2 units"),
        ([1.0, float("nan")], "give a finite one"),
    ):
        with pytest.raises(InputError, match=reason):
            pattern(units, bad).bind(fit.observer, 2)
    with pytest.raises(InputError, match="each of them once"):
        pattern([units[0], units[0]], [1.0, 1.0])


def test_units_of_several_layers_and_functions_are_gathered_in_order(fit):
    from synthstim.objectives import read_all

    units = [
        fit.unit("site2"), Unit(layer="2", channel=3, position="mean"), Unit(layer="3", reader=lambda values: values.flatten(1).amax(1)),
        fit.unit("site0"), Unit(layer="2", indices=(0, 5)),
    ]  # fmt: skip
    images = torch.rand(4, 3, 16, 16)
    read, layers = read_all(fit.observer, units)
    assert set(layers) == {"sites", "2", "3"}
    torch.testing.assert_close(read(fit.observer.activations(images, layers)), read_units(fit.observer, images, units))


@pytest.fixture(scope="module")
def made(fit, tmp_path_factory):
    levels = [4.0, 5.0, 6.0]
    recipe = recipe_of(
        entry(name="up", unit={"sites": "all"}, evaluations=200, robustness={"jitter": 0}),
        entry("one_hot", "alone", unit={"sites": ["site0", "site3"]}, evaluations=100),
        entry("level", "steps", unit={"sites": ["site1", "site2"]}, levels=levels, evaluations=150),
        entry("pattern", "pattern", pattern={"site0": 1.0, "site2": -1.0, "site4": 0.5}, evaluations=200),
    )
    return make(recipe, tmp_path_factory.mktemp("sites") / "set", observer=fit)


def test_images_do_what_they_are_for(made, fit):
    table = made.table.set_index("stimulus_id")
    assert (table.loc[["alone_site0_0", "alone_site3_0", "pattern_0"], "status"] == "passed").all()
    assert set(table["unit"]) == {*SITES, "site0 1, site2 -1, site4 0.5"}
    images = torch.from_numpy(np.stack([made.stimulus(file) for file in made.table["file"]]))
    with torch.no_grad():
        read = fit.observer.activations(images, ["sites", "sites_z"])
    place = {name: row for row, name in enumerate(made.table["stimulus_id"])}
    for site in ("site1", "site2"):
        rows = [place[f"steps_{site}_at{level}_0"] for level in (4, 5, 6)]
        reached = read["sites"][rows, SITES.index(site)]
        assert (reached.diff() > 0).all()
        torch.testing.assert_close(reached, torch.tensor([4.0, 5.0, 6.0]), atol=0.05, rtol=0)
    z = read["sites_z"][place["pattern_0"], [0, 2, 4]]
    torch.testing.assert_close(z, torch.tensor([1.0, -1.0, 0.5]), atol=0.1, rtol=0)
    assert table.loc["pattern_0", "activation"] == pytest.approx(
        float((z - torch.tensor([1.0, -1.0, 0.5])).square().mean().sqrt()), abs=1e-4
    )
    for target in ("site0", "site3"):
        assert read["sites_z"][place[f"alone_{target}_0"]].argmax() == SITES.index(target)


def test_saved_set_is_measured_again_without_names(made, fit):
    bare = fit.observer.given(fit.observer.input)
    bare.sites = ()
    assert check_set(made, bare).problems == []


def test_recipe_file_with_a_saved_fit(tmp_path):
    observer = load_model(size=(32, 32))
    images = torch.from_numpy(crops(40, 32))
    with torch.no_grad():
        values = observer.activations(images, ["blocks.0"])["blocks.0"].mean((2, 3))[:, :2].numpy()
    fit = fit_sites(
        observer,
        recorded(5 + values, noise=0.01),
        Stimuli.of_arrays(names(40), crops(40, 32)),
        ["blocks.0"],
        ceilings=False,
        shuffled=False,
        method="ridge",
    )
    save_fit(fit, tmp_path / "tonight_fit")
    recipe = {"observer": f"fit:{tmp_path / 'tonight_fit'}", "stimuli": [entry(unit={"sites": "all"}, evaluations=3)]}
    made = make(recipe, tmp_path / "set")
    assert list(made.table["unit"]) == ["site0", "site1"]
    assert made.provenance["observer"]["name"] == recipe["observer"]


def test_fitted_units_stay_objectives(fit):
    # What a fit hands out is what recipes use.
    (job,) = plan_jobs(recipe_of(entry()), fit.observer)
    assert job.aims[0].unit == fit.unit("site1")
    assert repr(drive(job.aims[0].unit)) == "drive(site1)"
