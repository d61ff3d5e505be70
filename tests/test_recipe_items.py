"""Items: ids that are unique and short, seeds that stay."""

import pytest

from synthstim.errors import InputError
from synthstim.recipe import Recipe, expand
from synthstim.stimulus_set import check_ids

UNIT = {"layer": "blocks.4", "channel": 42}
DRIVE = {"name": "unit42", "kind": "controller", "goal": "drive", "unit": UNIT}
METAMER = {"name": "cat", "kind": "metamer", "reference": "cat.png", "layers": ["blocks.0", "blocks.2"]}


@pytest.fixture
def make(tmp_path):
    (tmp_path / "other").mkdir()
    for name in ("cat.png", "dog.png", "Grau-weiß (1).png", "other/cat.png"):
        (tmp_path / name).write_bytes(b"")

    def build(*entries, seed=0):
        return Recipe.from_dict({"observer": "x", "seed": seed, "stimuli": list(entries)}, tmp_path)

    return build


def ids(recipe):
    return [item.stimulus_id for item in expand(recipe)]


def test_ids_say_what_a_stimulus_is(make):
    joint = METAMER | {"name": "joint", "layers": [["blocks.0", "blocks.2"]]}
    two = METAMER | {"name": "two", "reference": ["cat.png", "dog.png"], "layers": ["stem"]}
    channels = DRIVE | {"name": "many", "unit": {"layer": "blocks.4", "channels": [1, 7]}}
    assert ids(make(METAMER | {"copies": 2}, joint, two, DRIVE, channels)) == [
        "cat_blocks-0_0",
        "cat_blocks-0_1",
        "cat_blocks-2_0",
        "cat_blocks-2_1",
        "joint_blocks-0__blocks-2_0",
        "two_cat_stem_0",
        "two_dog_stem_0",
        "unit42_0",
        "many_ch1_0",
        "many_ch7_0",
    ]


def test_items_say_what_to_make(make):
    recipe = make(METAMER, DRIVE, DRIVE | {"name": "flat", "unit": {"layer": "blocks.4", "indices": [1, 2]}})
    metamer, _, controller, flat = expand(recipe)
    assert (metamer.reference, metamer.layers, metamer.channel, metamer.copy) == ("cat.png", ("blocks.0",), None, 0)
    assert (controller.reference, controller.layers, controller.channel) == (None, None, 42)
    assert flat.channel is None
    assert metamer.entry is recipe.stimuli[0]


def test_ids_are_allowed_in_a_set_however_long_the_names(make):
    long = "a" * 40
    layers = [f"features.{n}.block.conv.weight.normalised" for n in range(3)]
    recipe = make(
        METAMER | {"name": long, "layers": [*layers, layers], "copies": 1000},
        METAMER | {"name": "odd", "reference": ["Grau-weiß (1).png", "dog.png"], "layers": ["a/b:c"]},
    )
    found = ids(recipe)
    check_ids(found)
    assert len(found) == 4000 + 2
    assert max(map(len, found)) <= 64
    assert found[0].endswith("_0")
    assert found[999].endswith("_999")


def test_seeds_are_unique_and_of_48_bits(make):
    items = expand(make(METAMER | {"copies": 500}, DRIVE | {"copies": 1000}))
    seeds = {item.seed for item in items}
    assert len(seeds) == len(items) == 2000
    assert max(seeds) < 2**48


def test_seeds_stay_when_entries_layers_channels_or_copies_come_and_go(make):
    def seeds(*entries):
        return {item.stimulus_id: item.seed for item in expand(make(*entries))}

    before = seeds(METAMER, DRIVE | {"unit": {"layer": "blocks.4", "channels": [3, 4]}})
    more = seeds(
        DRIVE | {"name": "new"},
        DRIVE | {"copies": 3, "unit": {"layer": "blocks.4", "channels": [4, 5, 3]}},
        METAMER | {"layers": ["stem", "blocks.2", "blocks.0"], "copies": 2, "bits": 16},
    )
    assert before.items() <= more.items()
    assert len(more) == 1 + 9 + 6


def test_seeds_follow_the_recipe_seed(make):
    first, second = expand(make(DRIVE, seed=0))[0], expand(make(DRIVE, seed=1))[0]
    assert first.seed != second.seed


def test_seeds_do_not_hang_on_the_folder(make):
    (beside,) = expand(make(METAMER | {"layers": ["stem"]}))
    (below,) = expand(make(METAMER | {"layers": ["stem"], "reference": "other/cat.png"}))
    assert beside.seed == below.seed


def test_seeds_never_change_between_versions(make):
    # Reproducing a published set depends on these numbers.
    metamer, _, controller = expand(make(METAMER, DRIVE))
    assert (metamer.seed, controller.seed) == (233659114060508, 123234162882781)


@pytest.mark.parametrize(
    ("entries", "fragments"),
    [
        ([DRIVE, DRIVE | {"name": "UNIT42"}], ["stimuli[1].name", "stimuli[0]", "whatever the case"]),
        (
            [DRIVE | {"name": "a", "unit": {"layer": "l", "channels": [1]}}, DRIVE | {"name": "A_ch1"}],
            ["stimuli[1].name is 'A_ch1'", "stimuli[0]'s controller of channel 1, copy 0", "a_ch1_0"],
        ),
        ([METAMER | {"layers": ["a.b", "a-b"]}], ["at a-b, copy 0", "at a.b, copy 0", "cat_a-b_0"]),
        (
            [METAMER | {"reference": ["cat.png", "other/cat.png"], "layers": ["stem"]}],
            ["metamer of cat.png at stem", "cat_cat_stem_0"],
        ),
    ],
)
def test_two_stimuli_with_one_id_are_refused_and_named(make, entries, fragments):
    with pytest.raises(InputError) as error:
        make(*entries)
    for fragment in fragments:
        assert fragment in str(error.value)


def test_a_recipe_asks_for_a_hundred_thousand_images_at_most(make):
    entries = [DRIVE | {"name": f"e{n}", "copies": 1000} for n in range(101)]
    with pytest.raises(InputError, match="101,000 images, more than 100,000: split the recipe"):
        make(*entries)
