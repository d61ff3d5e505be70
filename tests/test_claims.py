"""What the README and the report claim, on real photographs at full size, from the saved files; minutes long."""

import random
import shutil
from importlib.resources import files

import pytest

from synthstim import Recipe, load_model, make

pytestmark = pytest.mark.slow
LAYER = "blocks.3"  # a middle layer that ends linearly


@pytest.mark.parametrize(("layer", "decibels"), [("blocks.0", 30.0), ("blocks.2", 20.0)])
def test_metamers_reach_their_match_on_three_photographs(layer, decibels, tmp_path):
    photographs = ("chelsea.png", "coffee.png", "motorcycle_left.png")
    for name in photographs:
        shutil.copy(str(files("skimage.data") / name), tmp_path / name)
    entry = {"name": "m", "kind": "metamer", "reference": list(photographs), "layers": [layer]}
    made = make(Recipe.from_dict({"observer": "efficientnet-lite0", "stimuli": [entry]}, tmp_path), tmp_path / "set")
    print(made.table[["stimulus_id", "match_db", "null_percentile", "pixel_distance", "evaluations", "status"]])
    assert (made.table["match_db"] >= decibels).all()
    assert (made.table["null_percentile"] == 100).all()


@pytest.fixture(scope="module")
def channels():
    count = load_model().layers[LAYER][0]
    return random.Random(0).sample(range(count), 20)


@pytest.mark.parametrize("goal", ["drive", "suppress"])
def test_twenty_random_channels_go_beyond_every_natural_crop(goal, channels, tmp_path):
    entry = {"name": "c", "kind": "controller", "goal": goal, "unit": {"layer": LAYER, "channels": channels}}
    made = make({"observer": "efficientnet-lite0", "stimuli": [entry]}, tmp_path / "set")
    assert made.provenance["pool"]["stimuli"] >= 500
    sign = 1 if goal == "drive" else -1
    gain = sign * (made.table["activation"] - made.table["best_natural"])
    print(made.table[["unit", "activation", "best_natural"]])
    assert (gain > 0).all()


def test_one_hot_targets_are_the_most_driven_of_their_set(channels, tmp_path):
    entries = []
    for target in channels:
        others = random.Random(target).sample([channel for channel in range(80) if channel != target], 9)
        unit, held = {"layer": LAYER, "channel": target}, {"layer": LAYER, "channels": others}
        entries.append({"name": f"only{target}", "kind": "controller", "goal": "one_hot", "unit": unit, "others": held})
    made = make({"observer": "efficientnet-lite0", "stimuli": entries}, tmp_path / "set")
    passed = int((made.table["status"] == "passed").sum())
    print(f"{passed} of {len(made)} targets are the most driven of ten units, z-scored over the pool")
    assert passed >= 18
