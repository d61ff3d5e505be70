"""Plug-ins, from recipe to set, check, report and export, by the command line; broken ones; and recipes that name code."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from engine_fixture import photograph
from plugin_fixture import EXAMPLE, distribution, install, python

from synthstim.modalities.image import write_png
from synthstim.stimulus_set import StimulusSet

PHOTOGRAPHS = (
    "chelsea",
    "astronaut",
    "coffee",
    "rocket",
    "camera",
    "coins",
    "moon",
    "page",
    "clock",
    "hubble_deep_field",
)
IMAGES = """\
observer: retina
pool: photographs
stimuli:
  - {name: up, kind: controller, goal: exceed, factor: 1.05, unit: {layer: "3", channel: 2}, parametrisation: gratings, evaluations: 40}
  - {name: free, kind: controller, goal: exceed, unit: {layer: "3", channel: 2}, copies: 2, evaluations: 40}
  - name: same
    kind: metamer
    reference: photographs/coffee.png
    layers: ["0"]
    parametrisation: {kind: gratings, cycles: 2.5}
    evaluations: 40
"""
TASTES = """\
observer: tongue
pool: things
stimuli:
  - {name: up, kind: controller, goal: drive, unit: {layer: "2", index: 1}, evaluations: 60, constraints: {dose: 3}}
  - {name: same, kind: metamer, reference: things/taste3.tsv, layers: ["2"], evaluations: 60}
"""


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    return install(EXAMPLE, tmp_path_factory.mktemp("plugins") / "installed")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with photographs, tastes of things, and two recipes."""
    folder = tmp_path_factory.mktemp("desk")
    for place in ("photographs", "things"):
        (folder / place).mkdir()
    for name in PHOTOGRAPHS:
        write_png(folder / "photographs" / f"{name}.png", photograph(name, (32, 32)))
    for number, row in enumerate(np.random.default_rng(0).uniform(0, 1, (10, 8))):
        (folder / "things" / f"taste{number}.tsv").write_text("\t".join(f"{value:.4f}" for value in row) + "\n")
    (folder / "images.yaml").write_text(IMAGES)
    (folder / "tastes.yaml").write_text(TASTES)
    return folder


@pytest.fixture(scope="module")
def run(plugins, desk):
    def run(*words, paths=(plugins,)):
        return python(["-m", "synthstim", *words], at=desk, paths=paths)

    return run


@pytest.fixture(scope="module")
def made(run, desk):
    """Both sets."""
    for name in ("images", "tastes"):
        done = run("make", f"{name}.yaml", "--out", name, "--quiet")
        assert done.returncode == 0, done.stderr
    return desk


def test_the_example_is_short():
    files = [path for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml", ".yaml", ".j2")]
    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) < 230


def test_the_page_on_extending_shows_the_example():
    page = (EXAMPLE.parents[1] / "docs" / "extending.md").read_text("utf-8")
    blocks = re.findall(r"```\w+\n(.*?)```", page, re.S)
    texts = [path.read_text("utf-8") for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml", ".yaml")]
    assert len(blocks) == 9
    assert not [block for block in blocks if not any(block in text for text in texts)]


OWN = {
    "models": "efficientnet-lite0", "goals": "drive", "parametrisations": "fourier", "decoders": "head", "constraints": "energy",
    "readers": "nwb", "readouts": "ridge", "controls": "noise", "policies": "blocks", "modalities": "image", "protocols": "passive_fixation",
}  # fmt: skip
PLUGGED = {
    "models": "tongue", "goals": "exceed", "parametrisations": "gratings", "decoders": "blobs", "constraints": "dose", "readers": "counts",
    "modalities": "taste", "protocols": "sipping",
}  # fmt: skip


def lists(folder, path):
    """What each command that lists prints, and what goes to standard error; all in one process."""
    code = f"from synthstim.cli import app\nfor noun in {list(OWN)}: print('LIST', noun); app([noun], standalone_mode=False)"
    done = python(["-c", code], at=folder, paths=[path])
    assert done.returncode == 0, done.stderr
    parts = [part.split("\n", 1) for part in done.stdout.split("LIST ")[1:]]
    return dict(parts), " ".join(done.stderr.split())


def test_lists_say_where_each_comes_from(desk, plugins):
    printed, _ = lists(desk, plugins)
    for noun in PLUGGED:
        text = printed[noun]
        sources = {
            name: line
            for name in (OWN[noun], PLUGGED[noun])
            for line in text.splitlines()
            if line.startswith(f"│ {name} ")
        }
        assert " synthstim " in sources[OWN[noun]]
        assert "synthstim-example 0.3" in sources[PLUGGED[noun]]


def test_a_goal_and_latents_from_recipe_to_set(made):
    images = StimulusSet.read(made / "images")
    table = images.table.set_index("name")
    assert set(table.loc[["up", "free"], "goal"]) == {"exceed"}
    assert list(table.loc[["up", "same"], "parametrisation"]) == ["gratings", "gratings"]
    assert images.latents(table.loc["up", "stimulus_id"]).shape == (3, 4)
    assert all(images.latents(name) is None for name in table.loc["free", "stimulus_id"])
    (facts,) = (facts for name, facts in images.provenance["stimuli"].items() if name == table.loc["up", "stimulus_id"])
    assert facts["given"] == {"factor": 1.05}


def test_a_modality_and_a_constraint_from_recipe_to_set(made):
    # Without the plug-in a set of tastes is a folder of tables.
    table = pd.read_csv(made / "tastes" / "stimuli.tsv", sep="\t").set_index("name")
    values = {name: np.loadtxt(made / "tastes" / file) for name, file in table["file"].items()}
    assert json.loads((made / "tastes" / "provenance.json").read_text("utf-8"))["modality"] == "taste"
    assert values["up"].sum() <= 3.001
    assert not np.allclose(values["same"], np.loadtxt(made / "things" / "taste3.tsv"), atol=0.01)
    assert table.loc["same", "match_db"] > 20


@pytest.mark.parametrize("name", ["images", "tastes"])
def test_sets_are_checked_and_shown(made, run, name):
    checked = run("check", name, "--pool", "photographs" if name == "images" else "things", "--quiet")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert " 0 differences" in checked.stdout
    assert run("report", name, "--out", f"{name}.html").returncode == 0
    page = (made / f"{name}.html").read_text("utf-8")
    assert ("exceed" if name == "images" else "taste") in page


def test_a_protocol_exports_any_modality_for_a_device(made, run):
    exported = run("export", "tastes", "--protocol", "sipping", "--out", "sips", "--set", "blocks=3")
    assert exported.returncode == 0, exported.stderr
    order = pd.read_csv(made / "sips" / "presentations.tsv", sep="\t")
    assert list(order.groupby("block")["stimulus_id"].nunique()) == [2, 2, 2]
    assert (made / "sips" / order["file"][0]).read_bytes() == next(
        (made / "tastes" / "stimuli").glob(f"{order['stimulus_id'][0]}.*")
    ).read_bytes()
    assert "concentrations, relative to saturation" in (made / "sips" / "README.md").read_text("utf-8")
    assert json.loads((made / "sips" / "manifest.json").read_text("utf-8"))["protocol"] == "sipping"
    told = run("run", "sips", "--simulate")
    assert told.returncode == 2
    assert "there is nothing to run" in told.stderr
    assert run("export", "images", "--out", "shown", "--set", "blocks=1", "--set", "y_deg=2").returncode == 0


def test_a_reader_and_a_model_from_responses_to_stimuli(made, run):
    assert run("adopt", "photographs", "--out", "adopted").returncode == 0
    random = np.random.default_rng(1)
    ids = StimulusSet.read(made / "adopted").table["stimulus_id"]
    lines = [f"{name} v4_1 {random.poisson(5 + at)}" for at, name in enumerate(ids) for _ in range(3)]
    (made / "monday.counts").write_text("\n".join(lines) + "\n")
    words = ["--stimuli", "adopted", "--observer", "retina", "--layers", "2", "--folds", "2", "--min-reliability", "0"]
    fitted = run("fit", "monday.counts", *words, "--out", "fit", "--quiet")
    assert fitted.returncode == 0, fitted.stderr
    recipe = "observer: fit:fit\npool: photographs\nmin_score: -1\nstimuli:\n  - {name: s, kind: controller, goal: exceed, unit: {site: v4_1}, evaluations: 5}\n"
    (made / "site.yaml").write_text(recipe)
    done = run("make", "site.yaml", "--out", "site", "--quiet")
    assert done.returncode == 0, done.stderr


def test_a_broken_plug_in_is_named_and_takes_nothing_down(desk, tmp_path):
    bad = {"missing": "nowhere.to:find", "raising": "bad_plug:x", "wrong": "bad_plug:y"}
    text = "y = 3\ndef __getattr__(name): raise OSError('no licence')\n"
    folder = distribution(tmp_path / "bad", "bad-plug", {f"synthstim.{noun}": bad for noun in OWN}, bad_plug=text)
    printed, errors = lists(desk, folder)
    for noun, told in printed.items():
        assert f" {OWN[noun]} " in told
        for name in bad:
            assert f"{name}' of bad-plug 1.0 cannot be used" in told
    assert "Traceback" not in errors


def test_no_plug_in_takes_an_own_name(desk, tmp_path):
    points = {f"synthstim.{noun}": {name: "thief:x"} for noun, name in OWN.items()}
    folder = distribution(tmp_path / "thief", "thief", points, thief="raise SystemExit('it was imported')\n")
    printed, errors = lists(desk, folder)
    for noun, name in OWN.items():
        assert f" {name} " in printed[noun]
        assert f"{name!r} of thief 1.0 is left out: synthstim has one of that name" in errors


def test_broken_plug_ins_leave_recipes_alone(made, run, plugins, tmp_path):
    groups = ("models", "goals", "parametrisations", "constraints", "readers", "modalities")
    points = {f"synthstim.{noun}": {f"bad_{noun}": "nowhere:x"} for noun in groups}
    folder = distribution(tmp_path / "all", "bad-all", points)
    recipe = IMAGES.replace("observer: retina", "observer: {name: squeezenet, weights: random, size: 32}")
    recipe = (
        recipe.split("  - {name: free")[0]
        .replace("exceed, factor: 1.05,", "drive,")
        .replace("gratings", "{kind: fourier}")
    )
    (made / "own.yaml").write_text(recipe.replace('layer: "3"', "layer: features.3") + "    \n")
    done = run("make", "own.yaml", "--out", tmp_path / "own", "--budget", "2", "--quiet", paths=[folder])
    assert done.returncode == 0, done.stderr
    (made / "bad.yaml").write_text(IMAGES.replace("parametrisation: gratings", "parametrisation: bad_parametrisations"))
    refused = run("make", "bad.yaml", "--out", tmp_path / "bad", "--quiet", paths=[plugins, folder])
    assert refused.returncode == 2
    assert "bad-all 1.0 cannot be used" in " ".join(refused.stderr.split())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("observer: retina", "observer: evil.code:run"),
        ("parametrisation: gratings", "parametrisation: evil.code:run"),
        ("goal: exceed, factor: 1.05", "goal: evil.code:run"),
        ("evaluations: 40}", "evaluations: 40, constraints: {evil.code: 3}}"),
    ],
)
def test_a_recipe_that_names_a_module_is_refused_and_nothing_imported(made, run, plugins, tmp_path, old, new):
    (tmp_path / "evil").mkdir()
    for name in ("__init__", "code"):
        (tmp_path / "evil" / f"{name}.py").write_text(f"open({str(tmp_path / 'PWNED')!r}, 'w')\n")
    (made / "evil.yaml").write_text(IMAGES.replace(old, new, 1))
    refused = run("make", "evil.yaml", "--out", tmp_path / "set", "--quiet", paths=[plugins, tmp_path])
    assert refused.returncode == 2
    assert "evil" in refused.stderr
    assert not (tmp_path / "PWNED").exists()
