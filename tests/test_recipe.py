"""Recipes: the example, the defaults, the short forms, the Python side."""

import subprocess
import sys

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from synthstim.errors import InputError
from synthstim.parametrise.pixels import PixelsOptions
from synthstim.recipe import Constraints, Controller, Metamer, Recipe, expand, read_recipe

EXAMPLE = """\
observer: efficientnet-lite0
seed: 1
stimuli:
  - {name: cat, kind: metamer, reference: cat.png, layers: [blocks.0, blocks.2, blocks.4], copies: 2}
  - {name: unit42, kind: controller, goal: drive, unit: {layer: blocks.4, channel: 42}, copies: 4}
  - {name: only42, kind: controller, goal: one_hot, unit: {layer: blocks.4, channel: 42}, others: {layer: blocks.4, channels: [1, 2, 3, 5, 8]}, copies: 2}
"""
UNIT = {"layer": "blocks.4", "channel": 42}
DRIVE = {"name": "a", "kind": "controller", "goal": "drive", "unit": UNIT}
HOT = {"name": "hot", "kind": "controller", "goal": "one_hot"}
LEVEL = {"name": "level", "kind": "controller", "goal": "level", "level": 2}
METAMER = {"name": "m", "kind": "metamer", "reference": "cat.png", "layers": ["blocks.0"]}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "cat.png").write_bytes(b"")
    (tmp_path / "dog.png").write_bytes(b"")
    (tmp_path / "net.pth").write_bytes(b"")
    (tmp_path / "photos").mkdir()
    return tmp_path


def recipe_of(*entries, folder=".", **rest):
    return Recipe.from_dict({"observer": "efficientnet-lite0", "stimuli": list(entries), **rest}, folder)


def test_the_example_validates_as_it_stands(folder):
    (folder / "recipe.yaml").write_text(EXAMPLE)
    recipe = read_recipe(folder / "recipe.yaml")
    assert recipe.text == EXAMPLE
    assert recipe.observer.name == "efficientnet-lite0"
    assert recipe.seed == 1
    cat, drive, one_hot = recipe.stimuli
    assert isinstance(cat, Metamer)
    assert cat.layers == (("blocks.0",), ("blocks.2",), ("blocks.4",))
    assert cat.reference == ("cat.png",)
    assert isinstance(drive, Controller)
    assert drive.unit.channel == 42
    assert drive.unit.position == "centre"
    assert isinstance(one_hot, Controller)
    assert one_hot.others.channels == (1, 2, 3, 5, 8)
    assert recipe.resolve(cat.reference[0]) == folder / "cat.png"
    assert len(expand(recipe)) == 6 + 4 + 2


def test_defaults(folder):
    recipe = recipe_of(DRIVE, METAMER, folder=folder)
    assert (recipe.schema_version, recipe.seed, recipe.fit, recipe.pool) == (1, 0, "crop", None)
    assert (recipe.observer.weights, recipe.observer.size) == ("default", None)
    assert (recipe.criteria.null_percentile, recipe.criteria.same_class) == (100, True)
    for entry in recipe.stimuli:
        assert (entry.copies, entry.bits, entry.start) == (1, None, "pink")
        assert entry.parametrisation is None
        assert (entry.optimiser, entry.evaluations, entry.seconds, entry.plateau) == (None, None, None, None)
        assert entry.total_variation == 0
        assert entry.constraints == Constraints()
    controller, metamer = recipe.stimuli
    assert (controller.robustness, controller.diversity, controller.target, controller.caution) == (None, 0, None, 0)
    of_site = {"unit": {"site": "a"}}
    hot, level = recipe_of(HOT | of_site, LEVEL | of_site).stimuli
    assert (hot.temperature, hot.others_weight, hot.zscore, hot.others) == (1, None, True, None)
    assert (level.levels, level.caution, level.target) == (None, 0, None)
    assert (metamer.metric, metamer.target_db) == ("l2", None)


def test_everything_that_can_be_said(folder):
    text = f"""
schema_version: 1
observer: {{name: resnet50, weights: net.pth, size: [192, 256]}}
seed: 9_000
fit: pad
pool: photos
criteria: {{null_percentile: 99.5, same_class: no}}
stimuli:
  - name: pair
    kind: metamer
    reference: [cat.png, {folder / "dog.png"}]
    layers: [[stem, blocks.0], blocks.2]
    metric: pearson
    target_db: 40
    bits: 16
    start: dog.png
    parametrisation: {{kind: pixels, bound: projection}}
    optimiser: {{name: lbfgs, step: 1e-3, history: 20}}
    evaluations: 500
    seconds: 60
    plateau: 1e-4
    total_variation: 0.01
    constraints:
      mean_luminance: 0.3
      rms_contrast: .2
      energy: 0.4
      aperture: {{shape: circular, diameter: 0.8}}
      fixed: {{image: cat.png, mask: dog.png}}
  - name: level
    kind: controller
    goal: level
    level: 2
    unit: {{layer: stem, channels: [1, 2], position: [3, 4]}}
    target: 1.5
    robustness: {{jitter: 4, scale: 0.1, rotation: 5}}
    diversity: 0.5
    parametrisation: {{kind: fourier, decay: 1, chroma: 0.5, bound: sigmoid}}
    optimiser: {{name: adam, step: 0.05, schedule: cosine}}
    constraints: {{aperture: {{shape: gaussian, sigma: 0.2}}}}
  - name: hot
    kind: controller
    goal: one_hot
    unit: {{layer: stem, index: 7}}
    others: {{layer: stem, indices: [8, 9]}}
    temperature: 0.5
    others_weight: 3
    zscore: false
"""
    recipe = Recipe.from_text(text, folder)
    pair, level, _ = recipe.stimuli
    assert recipe.observer.size == (192, 256)
    assert recipe.seed == 9000
    assert recipe.criteria.same_class is False
    assert pair.layers == (("stem", "blocks.0"), ("blocks.2",))
    assert pair.optimiser.step == 0.001
    assert pair.plateau == 0.0001
    assert pair.parametrisation == PixelsOptions(bound="projection")
    assert pair.constraints.rms_contrast == 0.2
    assert recipe.resolve(pair.reference[1]) == folder / "dog.png"
    assert level.unit.position == (3, 4)
    assert level.level == 2
    again = Recipe.from_dict(yaml.safe_load(text.replace("1e-3", "0.001").replace("1e-4", "0.0001")), folder)
    assert again.model_dump() == recipe.model_dump()


def test_short_forms(folder):
    entry = DRIVE | {"parametrisation": "pixels", "optimiser": "adam", "start": "white"}
    recipe = recipe_of(entry, folder=folder, observer={"name": "resnet50", "size": 192})
    assert recipe.observer.size == (192, 192)
    assert recipe.stimuli[0].parametrisation == PixelsOptions()
    assert recipe.stimuli[0].optimiser.name == "adam"
    assert recipe.stimuli[0].optimiser.step is None


def test_metamers_may_match_layers_jointly(folder):
    apart, joint = METAMER | {"layers": ["a", "b"]}, METAMER | {"name": "j", "layers": [["a", "b"]]}
    recipe = recipe_of(apart, joint, folder=folder)
    assert [item.layers for item in expand(recipe)] == [("a",), ("b",), ("a", "b")]


def test_what_python_gives_is_kept_as_text_that_reads_back(folder):
    entry = METAMER | {"reference": folder / "cat.png", "layers": ["a", ("b", "c")], "plateau": 1e-7}
    recipe = recipe_of(entry, DRIVE, folder=folder, seed=3)
    assert Recipe.from_text(recipe.text, folder) == recipe
    assert "&" not in recipe.text


def test_a_recipe_never_changes(folder):
    recipe = recipe_of(DRIVE)
    with pytest.raises(ValidationError, match="frozen"):
        recipe.seed = 2


@pytest.mark.parametrize("data", [[], None, "observer", 3])
def test_python_must_give_a_mapping(data):
    with pytest.raises(InputError, match="expected a mapping"):
        Recipe.from_dict(data)


def test_keys_from_python_are_text():
    with pytest.raises(InputError, match="is no key; expected text"):
        Recipe.from_dict({1: 2, "observer": "x", "stimuli": [DRIVE]})


@pytest.mark.parametrize(
    "value", [np.float32(3), {1, 2}, object(), b"x", 10**5000], ids=lambda value: type(value).__name__
)
def test_values_that_no_file_can_hold_are_sentences_too(value):
    with pytest.raises(
        InputError, match=r"^recipe: stimuli\[0\].copies: .* given; expected a whole number from 1 to 1000$"
    ):
        recipe_of(DRIVE | {"copies": value})


def test_files_are_looked_for_beside_the_recipe(folder, tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    (folder / "recipe.yaml").write_text(EXAMPLE)
    assert read_recipe(folder / "recipe.yaml").folder == folder
    with pytest.raises(InputError, match=r"line 4: stimuli\[0\].reference names 'cat.png', which does not exist"):
        Recipe.from_text(EXAMPLE)


def test_reading_a_recipe_loads_nothing_heavy():
    code = "import sys, synthstim.recipe; print([m for m in ('torch', 'numpy', 'pandas', 'PIL', 'cv2') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_recipes_agree_with_the_rest_of_the_package():
    from synthstim.modalities.image import FITS

    assert recipe_of(DRIVE, fit="pad").fit in FITS
    for fit in FITS:
        recipe_of(DRIVE, fit=fit)
