"""Laws of every goal; that a goal of a plug-in goes from recipe to report; that nothing else asks which goal it is."""

from __future__ import annotations

import ast
import json
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch
from encoding_fixture import maps_of, planted, recorded, small, stimuli
from engine_fixture import photograph

import synthstim
from synthstim.encoding import fit_sites
from synthstim.errors import InputError
from synthstim.goals import GOALS
from synthstim.goals.base import Goal
from synthstim.goals.wish import Want
from synthstim.loop.settings import LoopSettings
from synthstim.modalities.image import write_png
from synthstim.models import indices_of
from synthstim.observers import together
from synthstim.production import make
from synthstim.production.jobs import objective_of, plan_jobs
from synthstim.recipe import Recipe, Source, validate
from synthstim.recipe.expected import values_of
from synthstim.recipe.stimuli import Controller
from synthstim.report import write_report
from synthstim.verify import Measurer, check_set, judge, natural_pool
from synthstim.verify.consistency import read_aim

ROOT = Path(synthstim.__file__).parent
UNIT = {"unit": {"layer": "2", "channel": 3}}
# An entry of each goal on the small network and its five fitted sites, without what every entry says.
OWN = {
    "controversial": {"answers": {"a": 3, "b": 5}},
    "differentiate": {"reference": "cat.png", "hold": ["0"], "move": ["2"], "at_db": 10},
    "drive": UNIT,
    "drive_all": {"units": [UNIT["unit"], {"layer": "0", "channel": 1}]},
    "eigendistortion": {"reference": "cat.png", "layers": ["2"], "amplitudes": [0.001], "bits": 16},
    "drive_axis": {"weights": {"site0": 3, "site2": -4}},
    "drive_contrast": {"units": {"sites": ["site0", "site1"]}, "others": {"sites": "all"}},
    "drive_mean": {"units": {"layer": "2", "channels": [1, 3]}},
    "level": UNIT | {"level": 0.2},
    "match": {"reference": "cat.png", "layers": ["2"]},
    "one_hot": UNIT | {"others": {"layer": "2", "channels": [1, 5]}, "zscore": False},
    "pattern": {"pattern": {"site0": 1.5, "site3": -1}},
    "suppress": UNIT,
}
# Those that want several observers; the score of others is a smooth minimum, which is judged by the minimum itself.
SEVERAL, SMOOTH = ("controversial",), ("controversial", "drive_all")
SEARCHED = [name for name in OWN if not GOALS[name].solves]
CONTROLLERS = [name for name in GOALS.names if issubclass(GOALS[name].section, Controller)]
CRITERIA = {"null_percentile": 100.0, "same_class": True}
COPIES = 4


@pytest.fixture(scope="module")
def fit():
    observer = small()
    signal, _, _ = planted(maps_of(observer, 120, "3"), 5)
    return fit_sites(observer, recorded(signal), stimuli(120), ["3"], ceilings=False, shuffled=False, method="ridge")


@pytest.fixture(scope="module")
def measurer(fit):
    return Measurer(fit.observer, natural_pool(fit.observer))


@pytest.fixture(scope="module")
def measurer_of(fit, measurer):
    both = together({"a": fit.observer, "b": small()})
    several = Measurer(both, natural_pool(both))
    return lambda goal: several if goal in SEVERAL else measurer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("goals")
    write_png(place / "cat.png", photograph("chelsea", (16, 16)))
    return place


def entry_of(goal: str, **given) -> dict:
    (kind,) = values_of(GOALS[goal].section, "kind")
    said = {} if kind == "metamer" else {"goal": goal}
    copies = {} if GOALS[goal].solves else {"copies": COPIES}
    return {"name": "a", "kind": kind, **said, **copies, **OWN[goal], **given}


def recipe_of(folder, *entries) -> Recipe:
    return Recipe.from_dict({"observer": "x", "stimuli": list(entries)}, folder)


def planned(goal, folder, measurer):
    (job,) = plan_jobs(recipe_of(folder, entry_of(goal)), measurer.observer)
    return job


def test_every_goal_has_an_entry_here():
    assert OWN.keys() == set(GOALS.names)


@pytest.mark.parametrize("name", OWN)
def test_a_schema_refuses_what_does_not_go_with_the_goal(name, folder):
    own = GOALS[name].section.model_fields
    others = {key: value for other in OWN for key, value in OWN[other].items() if key not in own}
    assert others
    recipe_of(folder, entry_of(name))
    for key, value in others.items():
        with pytest.raises(InputError, match=rf"stimuli\[0\].{key} goes with (goal|kind) .*, but the \1 here is"):
            recipe_of(folder, entry_of(name) | {key: value})


@pytest.mark.parametrize("name", SEARCHED)
def test_the_gradient_of_the_objective_reaches_every_stimulus(name, folder, measurer_of):
    measurer = measurer_of(name)
    observer, job = measurer.observer, planned(name, folder, measurer)
    shown = torch.rand(COPIES, 3, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
    scorer = objective_of(job, range(COPIES), measurer).bind(observer, COPIES)
    scores = scorer(shown, observer.activations(shown, scorer.layers, through=scorer.through))
    assert scores.shape == (COPIES,)
    (gradient,) = torch.autograd.grad(scores.sum(), shown)
    assert torch.isfinite(gradient).all()
    assert (gradient.flatten(1).abs().amax(1) > 0).all()


@pytest.mark.parametrize("name", CONTROLLERS)
def test_the_score_rises_with_the_merit(name, folder, measurer_of):
    # Only the controlled units differ between the stimuli.
    measurer = measurer_of(name)
    job, count = planned(name, folder, measurer), 40
    aim, observer = job.aims[0], measurer.observer
    shown = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)).expand(count, -1, -1, -1)
    scorer = GOALS[name].objective(job.items[0].entry, [aim] * count, measurer).bind(observer, count)
    read = {layer: values.clone() for layer, values in observer.activations(shown, scorer.layers).items()}
    values = torch.randn(count, len(aim.controlled), generator=torch.Generator().manual_seed(2))
    for column, unit in enumerate(aim.controlled):
        read[unit.layer].flatten(1)[:, indices_of(unit, observer)] = values[:, column : column + 1]
    goal = GOALS[name]
    merits = goal.merit(goal.values(as_judged(values.double().numpy(), aim, measurer), aim), aim)
    scores = (scorer.aims if name in SMOOTH else scorer)(shown, read).detach().double().numpy()
    assert np.diff(scores[np.argsort(merits, kind="stable")]).min() > -1e-5


def as_judged(activations, aim, measurer):
    mean, std = measurer.standardisation(aim.controlled) if GOALS[aim.goal].standardised else (0.0, 1.0)
    return (activations - mean) / std


def test_the_score_of_a_match_rises_towards_the_reference(folder, fit, measurer):
    job = planned("match", folder, measurer)
    scorer = objective_of(job, range(COPIES), measurer).bind(fit.observer, COPIES)
    noise = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    shares = torch.linspace(0.2, 0.8, COPIES).view(-1, 1, 1, 1)
    shown = shares * job.references[0] + (1 - shares) * noise
    scores = scorer(shown, fit.observer.activations(shown, scorer.layers, through=scorer.through))
    assert scores.diff().min() > 0


@pytest.mark.parametrize("name", CONTROLLERS)
def test_natural_stimuli_are_in_the_order_of_their_merit(name, folder, measurer_of):
    measurer = measurer_of(name)
    aim, goal = planned(name, folder, measurer).aims[0], GOALS[name]
    order, values = measurer.natural_order(aim)
    assert sorted(order) == list(range(len(measurer.pool)))
    assert np.diff(goal.merit(values, aim)).max() <= 0
    judged = as_judged(measurer.natural_activations(aim.controlled), aim, measurer)
    np.testing.assert_array_equal(values, goal.values(judged, aim)[order])


@pytest.mark.parametrize("name", CONTROLLERS)
def test_what_goes_beyond_the_pool_passes_and_an_indifferent_natural_stimulus_fails(name, folder, measurer_of):
    measurer = measurer_of(name)
    aim, goal = planned(name, folder, measurer).aims[0], GOALS[name]
    order, values = measurer.natural_order(aim)
    worst = goal.measure(measurer, measurer.pool.stimulus(order[-1]), aim)
    assert worst["activation"] == pytest.approx(values[-1], rel=1e-4, abs=1e-5)
    assert judge(aim, worst, {})[0] == "failed"
    spread = np.ptp(values)
    candidates = [aim.level or 0.0, 1.0, *np.linspace(values.min() - spread, values.max() + spread, 99)]
    beyond = worst | {"activation": max(candidates, key=lambda value: goal.merit(value, aim)), "wins": True}
    assert judge(aim, beyond, {}) == ("passed", "")


def test_populations_are_judged_as_an_independent_count_says(folder, fit, measurer):
    z = np.random.default_rng(0).normal(size=(50, 5))
    names = list(fit.sites)

    def judged(goal, **own):
        (job,) = plan_jobs(recipe_of(folder, entry_of(goal) | own), fit.observer)
        aim = job.aims[0]
        columns = [names.index(unit.name) for unit in aim.units]
        return aim.unit_name, GOALS[goal].values(z[:, columns], aim)

    called, contrast = judged("drive_contrast")
    assert called == "site0, site1 over site2, site3, site4"
    np.testing.assert_allclose(contrast, z[:, :2].mean(1) - z[:, 2:].mean(1))
    called, axis = judged("drive_axis")
    assert called == "+0.6 site0 -0.8 site2"
    np.testing.assert_allclose(axis, 0.6 * z[:, 0] - 0.8 * z[:, 2])
    called, least = judged("drive_all", units=[{"sites": ["site0", "site4"]}, {"site": "site2"}])
    assert called == "each of site0, site4, site2"
    np.testing.assert_allclose(least, z[:, [0, 4, 2]].min(1))
    np.testing.assert_allclose(judged("drive_mean", units={"sites": "all"})[1], z.mean(1))


def test_units_of_a_network_count_in_z_scores_of_the_pool(folder, fit, measurer):
    aim = planned("drive_mean", folder, measurer).aims[0]
    read = measurer.natural_activations(aim.units)
    z = (read - read.mean(0)) / read.std(0)
    np.testing.assert_allclose(measurer.natural_order(aim)[1], np.sort(z.mean(1))[::-1], atol=1e-6)


def test_fitted_sites_keep_the_z_scores_of_their_responses(folder, fit, measurer):
    aim = planned("drive_contrast", folder, measurer).aims[0]
    read = measurer.natural_activations(aim.units)
    np.testing.assert_allclose(measurer.natural_order(aim)[1], np.sort(read @ aim.pattern)[::-1], atol=1e-6)


@pytest.mark.parametrize(
    ("goal", "own", "said"),
    [
        ("drive_contrast", {"others": {"sites": ["site1"]}}, "share 'site1' with units"),
        ("drive_contrast", {"others": {"layer": "2", "channels": [0]}}, "not of the kind that units are"),
        ("drive_contrast", {"units": {"sites": "all"}, "others": {"sites": "all"}}, "are all sites, as units are"),
        ("drive_all", {"units": [{"sites": ["site1"]}]}, "are one: give two or more"),
        ("drive_axis", {"weights": {"site0": 0}}, "are all 0, which is no axis"),
        ("drive_axis", {"weights": {"site9": 1}}, "names 'site9', but no fitted site is called so"),
    ],
)
def test_populations_that_cannot_be_meant_are_refused(goal, own, said, folder, fit):
    with pytest.raises(InputError, match=said):
        plan_jobs(recipe_of(folder, entry_of(goal) | own), fit.observer)


def test_a_reference_matches_itself_and_no_other(folder, measurer):
    aim, goal = planned("match", folder, measurer).aims[0], GOALS["match"]
    one, other = measurer.pool.stimulus(0), measurer.pool.stimulus(40)
    assert judge(aim, goal.measure(measurer, one, aim, one, ("2",)), CRITERIA) == ("passed", "")
    assert judge(aim, goal.measure(measurer, other, aim, one, ("2",)), CRITERIA)[0] == "failed"


@pytest.mark.parametrize("name", OWN)
def test_aims_survive_the_provenance(name, folder, measurer_of):
    aim = planned(name, folder, measurer_of(name)).aims[0]
    assert aim.goal == name
    assert read_aim(json.loads(json.dumps(aim.facts()))) == aim


@pytest.mark.parametrize("name", OWN)
def test_an_aim_that_lacks_what_the_goal_needs_is_refused(name, folder, measurer_of):
    whole = planned(name, folder, measurer_of(name)).aims[0].facts()
    for key in {"units", "level", "pattern", "given"} & whole.keys():
        facts = {other: value for other, value in whole.items() if other != key}
        with pytest.raises(InputError, match="cannot be read"):
            read_aim(facts)


@pytest.mark.parametrize("name", [name for name in GOALS.names if GOALS[name].wish is not None])
def test_a_wish_becomes_an_entry_that_a_recipe_takes(name, folder):
    own = {
        "level": {"levels": [1.0]}, "pattern": {"pattern": {"site0": 1.0}}, "drive_axis": {"weights": {"site0": 2.0}},
        "drive_contrast": {"sites": ["site0"], "others": ["site1"]}, "drive_all": {"sites": ["site0", "site1"]},
    }.get(name, {"sites": ["site0"]})  # fmt: skip
    settings = loop_settings(goal=name, **own)
    goal, (wish,) = GOALS[name], settings.goals
    wants = list(goal.wants(wish, ["site0", "site1"], {"site0": (3.0, 2.0), "site1": (1.0, 1.0)}))
    assert {want.sites for want in wants} <= {("site0",), ("site1",), ("site0", "site1")}
    for want in wants:
        entry = {"name": "a", "kind": "controller", "goal": name, **goal.asked(wish, want, lambda z, site: z)}
        assert type(recipe_of(folder, entry).stimuli[0]) is goal.section


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"goal": "drive_contrast", "sites": ["a", "b"], "others": ["b"]}, "share 'b' with sites"),
        ({"goal": "drive_contrast", "sites": "all", "others": "all"}, "are all sites, as sites are"),
        ({"goal": "drive_all", "sites": ["a"]}, "are one: give two or more"),
    ],
)
def test_wishes_that_cannot_be_meant_are_refused(wish, said):
    with pytest.raises(InputError, match=said):
        loop_settings(**wish)


def loop_settings(**goal) -> LoopSettings:
    data = {"observer": "x", "layers": ["a"], "goals": [{"name": "up", **goal}]}
    return validate(Source("loop.yaml", None, "", data), LoopSettings)


# Goals of plug-ins.


PLUGINS = {"times": "GOAL", "loose": "LOOSE", "torn": "BROKEN"}


@pytest.fixture
def plugged(monkeypatch):
    points = [
        EntryPoint(name, f"goal_plugin:{what}", "synthstim.goals")
        for name, what in (("times", "GOAL"), ("loose", "LOOSE"), ("torn", "BROKEN"))
    ]
    monkeypatch.setattr("synthstim.registry.entry_points", lambda group: points if group == "synthstim.goals" else [])
    _forget()
    yield GOALS["times"]
    _forget()


def _forget() -> None:
    for held in ("entries", "_others"):
        GOALS.__dict__.pop(held, None)


TIMES = {"name": "double", "kind": "controller", "goal": "times", "times": 2.0, **UNIT}
LOOSE = {"name": "near", "kind": "metamer", "goal": "loose", "error": 1e-6, **OWN["match"]}


def test_goals_of_a_plug_in_go_from_recipe_to_check_and_report(plugged, folder, tmp_path):
    observer = small()
    recipe = recipe_of(folder, TIMES, entry_of("drive", name="up"), LOOSE, LOOSE | {"name": "far", "error": 1.0})
    made = make(recipe, tmp_path / "set", observer=observer, budget=3)
    rows = made.table.set_index("stimulus_id")
    assert (rows.loc["double_0", "goal"], rows.loc["double_0", "unit"]) == ("times", "channel 3 at centre")
    assert made.provenance["stimuli"]["double_0"]["given"] == {"times": 2.0}
    assert rows.loc[["near_2_0", "far_2_0"], "goal"].tolist() == ["loose", "loose"]
    assert (rows.loc["near_2_0", "status"], rows.loc["far_2_0", "status"]) == ("failed", "passed")
    assert rows.loc["near_2_0", "reason"].startswith("the error is")
    assert not check_set(made, observer).problems
    page = write_report(made, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "times best" in page
    assert "null percentile" in page


def test_keys_of_a_plug_ins_goal_are_its_schemas(plugged, folder):
    with pytest.raises(InputError, match="times goes with goal 'times', but the goal here is 'drive'"):
        recipe_of(folder, entry_of("drive", times=2))
    with pytest.raises(
        InputError, match="caution goes with goal 'drive', 'level' or 'suppress', but the goal here is 'times'"
    ):
        recipe_of(folder, TIMES | {"caution": 1})
    with pytest.raises(InputError, match="times is missing; expected a number above 0 and at most 100"):
        recipe_of(folder, {key: value for key, value in TIMES.items() if key != "times"})


def test_a_loop_pursues_a_plug_ins_goal(plugged, folder):
    (wish,) = loop_settings(goal="times", times=3, sites=["site1"]).goals
    (want,) = plugged.wants(wish, ["site0", "site1"], {})
    assert want == Want(("site1",))
    asked = plugged.asked(wish, want, lambda z, site: z)
    assert asked == {"unit": {"site": "site1"}, "times": 3.0}
    recipe_of(folder, {"name": "a", "kind": "controller", "goal": "times"} | asked)


def test_a_broken_plug_in_is_named_where_it_is_asked_for_and_hinders_nothing_else(plugged, folder):
    recipe_of(folder, entry_of("drive"))
    with pytest.raises(InputError, match=r"stimuli\[0\].goal is 'torn', but the goal 'torn' of .* cannot be used"):
        recipe_of(folder, entry_of("drive") | {"goal": "torn"})


def test_a_set_whose_goal_is_not_installed_is_shown_and_its_check_says_what_is_missing(plugged, folder, tmp_path):
    observer = small()
    made = make(recipe_of(folder, TIMES), tmp_path / "set", observer=observer, budget=1)
    GOALS._loaded.pop("times", None)
    GOALS.__dict__["entries"] = {name: entry for name, entry in GOALS.entries.items() if name not in PLUGINS}
    assert "times" in write_report(made, tmp_path / "report.html").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="the goal 'times' is unknown"):
        check_set(made, observer)


# One place for the question.

# Where goals are listed or compared by name outside their room, and why.
ALLOWED = {
    "__init__.py": "names of objectives that release 0.1 had at the top",
    "loop/generation.py": "the column of a plan's levels",
    "objectives/__init__.py": "names of objectives",
    "report/groups.py": "a mark of a strip",
}


def test_nothing_outside_asks_which_goal_it_is():
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith("goals/") and (lines := list(_asked(ast.parse(path.read_text(encoding="utf-8"))))):
            found[place] = lines
    assert found.keys() == ALLOWED.keys(), found


def _asked(tree: ast.Module):
    """Lines that compare something with the name of a goal, or list several of them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            least, among = 1, [node.left, *node.comparators]
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            least, among = 2, node.elts
        elif isinstance(node, ast.Dict):
            least, among = 2, node.keys
        elif isinstance(node, ast.MatchValue):
            least, among = 1, [node.value]
        else:
            continue
        named = [part for part in among if isinstance(part, ast.Constant) and part.value in GOALS.names]
        if len(named) >= least:
            yield node.lineno


def test_defaults_of_the_contract_are_enough_for_a_card():
    assert [line.column for line in Goal.lines] == ["activation", "best_natural"]
