"""Bad recipes: each problem is named with its line, what came and what was wanted."""

import math
import re
from typing import Annotated, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from synthstim.errors import InputError
from synthstim.recipe import Recipe, read_recipe
from synthstim.recipe.expected import expand_options

# The entry under test starts on line 3; "|" stands for the start of its next line.
DRIVE = "name: a|kind: controller|goal: drive|unit: {layer: l, channel: 1}"
HOT = "name: a|kind: controller|goal: one_hot|unit: {layer: l, channel: 1}"
METAMER = "name: a|kind: metamer|reference: cat.png|layers: [l]"
OTHERS = "others: {layer: l, channels: [2]}"

ENTRIES = [
    # What every entry says.
    (f"{DRIVE}|copeis: 2", 7, "stimuli[0].copeis is unknown: did you mean 'copies'?"),
    (f"{DRIVE}|xyzzy: 2", 7, "xyzzy is unknown: known here are name, copies"),
    (f"{DRIVE}|copies: two", 7, "copies: 'two' (text) given; expected a whole number from 1 to 1000"),
    (f"{DRIVE}|copies: '2'", 7, "'2' (text) given; expected a whole number from 1 to 1000: remove the quotes"),
    (f"{DRIVE}|copies: 0", 7, "0 (whole number) given; expected a whole number from 1"),
    (f"{DRIVE}|copies: 1001", 7, "1001 (whole number) given"),
    (f"{DRIVE}|copies: 2.0", 7, "2.0 (number) given; expected a whole number"),
    (f"{DRIVE}|copies: on", 7, "on, which YAML reads as true given; expected a whole number"),
    (f"{DRIVE}|copies:", 7, "copies: nothing given; expected a whole number"),
    (f"{DRIVE}|copies: [1, 2]", 7, "copies: a list of 2 given; expected a whole number"),
    (f"{DRIVE}|copies: {{n: 1}}", 7, "copies: a mapping with n given; expected a whole number"),
    (f"{DRIVE}|bits: 12", 7, "bits: 12 (whole number) given; expected 8, 16, 24 or 32"),
    (f"{DRIVE}|bits: 8.0", 7, "bits: 8.0 (number) given; expected 8, 16, 24 or 32"),
    (DRIVE.replace("name: a", "name: 1a"), 3, "name: '1a' (text) given; expected a letter, then letters"),
    (DRIVE.replace("name: a", "name: " + "a" * 41), 3, "40 at most"),
    (DRIVE.replace("name: a", "name: ../a"), 3, "'../a' (text) given; expected a letter"),
    (DRIVE.replace("name: a", "name: nul"), 3, "name is 'nul', a device name on Windows"),
    (DRIVE.replace("name: a", "name: no"), 3, "no, which YAML reads as false given; expected a letter"),
    (DRIVE.replace("name: a|", "bits: 8|"), 3, "stimuli[0].name is missing; expected a letter"),
    (
        DRIVE.replace("controller", "controler"),
        4,
        "expected 'controller', 'distortion' or 'metamer': did you mean 'controller'?",
    ),
    (
        DRIVE.replace("kind: controller|", ""),
        3,
        "stimuli[0].kind is missing; expected 'controller', 'distortion' or 'metamer'",
    ),
    (
        DRIVE.replace("controller", "[a]"),
        4,
        "kind: a list of 1 given; expected 'controller', 'distortion' or 'metamer'",
    ),
    (f"{DRIVE}|start: pnik", 7, "start names 'pnik', which does not exist"),
    (f"{DRIVE}|seconds: 0", 7, "0 (whole number) given; expected a number above 0"),
    (f"{DRIVE}|seconds: .inf", 7, ".inf (number) given; expected a number above 0"),
    (f"{DRIVE}|plateau: .nan", 7, ".nan (number) given; expected a number from 0 to 1"),
    (f"{DRIVE}|evaluations: 1e3", 7, "1e3 (number) given; expected a whole number from 1 to 1000000"),
    # How it is made.
    (
        f"{DRIVE}|parametrisation: furier",
        7,
        "parametrisation: 'furier' (text) given; expected 'concentrations', 'decoder', 'fourier', 'pixels', 'spacetime', 'spectrogram' or 'waveform': did you mean 'fourier'?",
    ),
    (
        f"{DRIVE}|parametrisation: 3",
        7,
        "3 (whole number) given; expected 'concentrations', 'decoder', 'fourier', 'pixels', 'spacetime', 'spectrogram', 'waveform', or a mapping",
    ),
    (
        f"{DRIVE}|parametrisation:|  kind: fourier|  decay: 4",
        9,
        "decay: 4 (whole number) given; expected a number from 0 to 3",
    ),
    (
        f"{DRIVE}|parametrisation:|  kind: fourier|  chroma: 0",
        9,
        "chroma: 0 (whole number) given; expected a number above 0",
    ),
    (
        f"{DRIVE}|parametrisation:|  kind: pixels|  decay: 1",
        9,
        "decay goes with kind 'fourier', 'spacetime' or 'waveform', but the kind here is 'pixels'",
    ),
    (
        f"{DRIVE}|parametrisation: {{kind: fourier, bound: projection}}",
        7,
        "bound: 'projection' (text) given; expected 'sigmoid'",
    ),
    (f"{DRIVE}|optimiser: adm", 7, "did you mean 'adam'?"),
    (f"{DRIVE}|optimiser: {{step: 1}}", 7, "optimiser.name is missing; expected 'lbfgs'"),
    (f"{DRIVE}|optimiser:|  name: adam|  history: 5", 9, "history goes with optimiser 'lbfgs', but this one is 'adam'"),
    (f"{DRIVE}|optimiser:|  name: lbfgs|  schedule: cosine", 9, "schedule does not go with optimiser 'lbfgs'"),
    (
        f"{DRIVE}|optimiser:|  name: lbfgs|  momentum: .5",
        9,
        "momentum goes with optimiser 'adam', but this one is 'lbfgs'",
    ),
    (f"{DRIVE}|optimiser: {{name: lbfgs, history: 501}}", 7, "expected a whole number from 1 to 500"),
    # Constraints.
    (f"{DRIVE}|constraints:|  mean_luminance: 1", 8, "1 (whole number) given; expected a number above 0 and below 1"),
    (f"{DRIVE}|constraints:|  energy: 0.6", 8, "expected a number above 0 and at most 0.5"),
    (f"{DRIVE}|constraints:|  mean_luminance: 0.5|  rms_contrast: 1", 9, "at mean luminance 0.5 it stays below 1"),
    (f"{DRIVE}|constraints:|  aperture:|    shape: circular", 9, "shape 'circular' needs diameter"),
    (
        f"{DRIVE}|constraints:|  aperture:|    shape: gaussian|    diameter: 1",
        10,
        "diameter does not go with shape 'gaussian'",
    ),
    (
        f"{DRIVE}|constraints: {{aperture: {{shape: circular, diameter: 1.5}}}}",
        7,
        "expected a number above 0 and at most 1",
    ),
    (
        f"{DRIVE}|constraints:|  fixed: {{image: cat.png}}",
        8,
        "constraints.fixed.mask is missing; expected the path of a file",
    ),
    (
        f"{DRIVE}|constraints:|  fixed:|    image: cat.png|    mask: msk.png",
        10,
        "'msk.png', which does not exist: did you mean 'mask.png'?",
    ),
    # Metamers.
    (
        METAMER.replace("cat.png", "cta.png"),
        5,
        "reference names 'cta.png', which does not exist: did you mean 'cat.png'?",
    ),
    (METAMER.replace("cat.png", "../cat.png"), 5, "'../cat.png', which climbs out of the recipe's folder"),
    (METAMER.replace("cat.png", "photos/../../cat.png"), 5, "climbs out of the recipe's folder"),
    (METAMER.replace("cat.png", "photos"), 5, "reference names 'photos', which is a folder; expected a file"),
    (METAMER.replace("cat.png", "'photos\\cat.png'"), 5, "write / between folders"),
    (METAMER.replace("cat.png", "x" * 5000), 5, "which cannot be opened"),
    (METAMER.replace("cat.png", '"\\0"'), 5, "which does not exist"),
    (
        METAMER.replace("cat.png", "[]"),
        5,
        "an empty list given; expected the path of an image or sound, or a list of them",
    ),
    (METAMER.replace("cat.png", "[cat.png, 5]"), 5, "reference[1]: 5 (whole number) given; expected the path of"),
    (METAMER.replace("cat.png", "[cat.png, cat.png]"), 5, "reference[1] repeats 'cat.png'"),
    (METAMER.replace("reference: cat.png|", ""), 3, "stimuli[0].reference is missing; expected the path of an image"),
    (METAMER.replace("[l]", "blocks.0"), 6, "layers: 'blocks.0' (text) given; expected a list of layers"),
    (METAMER.replace("[l]", "[]"), 6, "layers: an empty list given; expected a list of layers"),
    (METAMER.replace("[l]", "[[]]"), 6, "layers[0]: an empty list given; expected the name of a layer, or a list"),
    (METAMER.replace("[l]", "[l, [l]]"), 6, "layers[1] repeats [l]"),
    (METAMER.replace("[l]", "[[l, l]]"), 6, "layers[0][1] repeats 'l'"),
    (
        METAMER.replace("[l]", "|  - l|  - 1.0"),
        8,
        "layers[1]: 1.0 (number) given; expected the name of a layer, or a list",
    ),
    (
        METAMER.replace("[l]", "|  -|    - l|    - 2"),
        9,
        "layers[0][1]: 2 (whole number) given; expected the name of a layer: put it in quotes",
    ),
    (METAMER.replace("[l]", "['a b']"), 6, "'a b' (text) given; expected the name of a layer"),
    (f"{METAMER}|metric: l1", 7, "metric: 'l1' (text) given; expected 'l2' or 'pearson'"),
    (f"{METAMER}|goal: drive", 7, "goal is 'drive', which goes with kind 'controller', but the kind here is 'metamer'"),
    # Controllers.
    (f"{DRIVE}|target_db: 40", 7, "target_db goes with kind 'metamer', but the kind here is 'controller': remove it"),
    (DRIVE.replace("drive", "drvie"), 5, "did you mean 'drive'?"),
    (DRIVE.replace("drive", "level"), 5, "goal 'level' needs level: give the activation"),
    (f"{DRIVE}|level: 3", 7, "level goes with goal 'level', but the goal here is 'drive': remove it"),
    (f"{DRIVE}|temperature: 1", 7, "temperature goes with goal 'one_hot', but the goal here is 'drive'"),
    (f"{DRIVE}|zscore: true", 7, "zscore goes with goal 'one_hot'"),
    (f"{DRIVE}|{OTHERS}", 7, "others goes with goal 'drive_contrast' or 'one_hot', but the goal here is 'drive'"),
    (HOT, 5, "goal 'one_hot' needs others"),
    (f"{HOT}|others:|  layer: l|  channels: [2, 1]", 9, "others.channels[1] is 1, which the unit to drive has too"),
    (f"{HOT}|others: {{layer: l, channels: [1], position: mean}}", 7, "others.channels[0] is 1"),
    (f"{HOT}|others: {{layer: l}}", 7, "others says no unit of l: give exactly one of channels or indices"),
    (f"{HOT}|{OTHERS}|temperature: 0", 8, "temperature: 0 (whole number) given; expected a number above 0"),
    (DRIVE.replace("channel", "chanel"), 6, "unit.chanel is unknown: did you mean 'channel'?"),
    (
        DRIVE.replace(", channel: 1", ""),
        6,
        "unit says no unit of l: give exactly one of channel, channels, index or indices",
    ),
    (DRIVE.replace("channel: 1", "channel: 1, index: 1"), 6, "unit.index does not go with channel: give exactly one"),
    (DRIVE.replace("channel: 1", "index: 1, position: mean"), 6, "unit.position goes with channels only"),
    (DRIVE.replace("channel: 1", "channel: 1, position: center"), 6, "position is 'center': write 'centre'"),
    (
        DRIVE.replace("channel: 1", "channel: 1, position: [1, -2]"),
        6,
        "position is [1, -2]; expected 'centre', 'mean' or [y, x]",
    ),
    (
        DRIVE.replace("channel: 1", "channel: 1, position: left"),
        6,
        "position: 'left' (text) given; expected 'centre', 'mean' or [y, x]",
    ),
    (DRIVE.replace("channel: 1", "channel: -1"), 6, "-1 (whole number) given; expected a whole number of at least 0"),
    (
        DRIVE.replace("channel: 1", "channels: []"),
        6,
        "channels: an empty list given; expected a list of one whole number or more",
    ),
    (DRIVE.replace("channel: 1", "channels: [1, 2, 1]"), 6, "channels[2] repeats 1"),
    (DRIVE.replace("layer: l, ", ""), 6, "unit.layer is missing; expected the name of a layer"),
    (
        DRIVE.replace("{layer: l, channel: 1}", "42"),
        6,
        "unit: 42 (whole number) given; expected a mapping with the keys layer",
    ),
    (
        f"{DRIVE}|robustness: {{scale: 1}}",
        7,
        "robustness.scale: 1 (whole number) given; expected a number from 0 to 0.9",
    ),
    (
        f"{DRIVE}|robustness: {{jitter: 1.5}}",
        7,
        "robustness.jitter: 1.5 (number) given; expected a whole number from 0 to 4096",
    ),
]

ENTRY = "stimuli:\n  - {name: a, kind: controller, goal: drive, unit: {layer: l, channel: 1}}\n"
WHOLES = [
    (ENTRY, 1, "observer is missing; expected the name of an observer"),
    ("observer: x", 1, "stimuli is missing; expected a list of stimuli"),
    ("observer: x\nstimuli: []", 2, "stimuli: an empty list given; expected a list of stimuli"),
    ("observer: x\nstimuli: {name: a}", 2, "stimuli: a mapping with name given; expected a list of stimuli"),
    ("observer: x\nstimuli:\n  - 5", 3, "stimuli[0]: 5 (whole number) given; expected a mapping"),
    ("observer: x\nstimulus: 3\n" + ENTRY, 2, "stimulus is unknown: did you mean 'stimuli'?"),
    (
        "observer: x\ncriteria: {null_percentile: 99,5}\n" + ENTRY,
        2,
        "criteria.5 is a key without a value: numbers are written with a point",
    ),
    ("observer: ''\n" + ENTRY, 1, "observer: empty text given; expected"),
    ("observer: 5\n" + ENTRY, 1, "observer: 5 (whole number) given; expected the name of an observer, or a mapping"),
    ("observer:\n  nam: x\n" + ENTRY, 2, "observer.nam is unknown: did you mean 'name'?"),
    ("observer:\n  name: x\n  size: [1]\n" + ENTRY, 3, "size: a list of 1 given; expected a whole number of pixels"),
    ("observer:\n  name: x\n  size: [1, 2, 3]\n" + ENTRY, 3, "size: a list of 3 given; expected"),
    (
        "observer:\n  name: x\n  size: [1, 0]\n" + ENTRY,
        3,
        "size[1]: 0 (whole number) given; expected a whole number from 1",
    ),
    ("observer:\n  name: x\n  size: 0\n" + ENTRY, 3, "size: 0 (whole number) given; expected a whole number from 1"),
    (
        "observer:\n  name: x\n  weights: net.pkl\n" + ENTRY,
        3,
        "weights is 'net.pkl'; expected 'default', 'random' or the path",
    ),
    ("observer:\n  name: x\n  weights: net.pth\n" + ENTRY, 3, "weights names 'net.pth', which does not exist"),
    ("observer: x\nschema_version: 2\n" + ENTRY, 2, "2 (whole number) given; expected 1, the version that this"),
    ("observer: x\nschema_version: yes\n" + ENTRY, 2, "yes, which YAML reads as true given; expected 1"),
    ("observer: x\nseed: -1\n" + ENTRY, 2, "seed: -1 (whole number) given; expected a whole number from 0"),
    ("observer: x\nseed: 0x10\n" + ENTRY, 2, "seed: '0x10' (text) given; expected a whole number"),
    (
        "observer: x\nfit: Crop\n" + ENTRY,
        2,
        "fit: 'Crop' (text) given; expected 'crop', 'pad', 'stretch' or 'exact': did you mean 'crop'?",
    ),
    (
        "observer: x\npool: nowhere\n" + ENTRY,
        2,
        "pool names 'nowhere', which does not exist: paths start at the recipe's",
    ),
    ("observer: x\npool: ../\n" + ENTRY, 2, "pool names '../', which climbs out"),
    ("observer: x\ncriteria:\n  null_percentile: 101\n" + ENTRY, 3, "expected a number from 0 to 100"),
    ("observer: x\ncriteria:\n  same_class: 1\n" + ENTRY, 3, "1 (whole number) given; expected true or false"),
    (
        "observer: x\n" + ENTRY + ENTRY.split("\n")[1].replace("a,", "A,"),
        4,
        "stimuli[1].name is 'A', which stimuli[0] is called",
    ),
]


@pytest.fixture
def read(tmp_path):
    for name in ("cat.png", "mask.png"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "photos").mkdir()

    def write_and_read(text):
        (tmp_path / "recipe.yaml").write_text(text)
        return read_recipe(tmp_path / "recipe.yaml")

    return write_and_read


def written(entry):
    return "observer: x\nstimuli:\n  - " + entry.replace("|", "\n    ")


@pytest.mark.parametrize("entry", [DRIVE, f"{HOT}|{OTHERS}", METAMER])
def test_the_entries_that_the_bad_ones_start_from_are_good(read, entry):
    read(written(entry))


BAD = [(written(entry), line, fragment) for entry, line, fragment in ENTRIES] + WHOLES


@pytest.mark.parametrize(("text", "line", "fragment"), BAD, ids=[str(number) for number, _ in enumerate(BAD)])
def test_each_problem_is_told_once_with_its_line(read, text, line, fragment):
    with pytest.raises(InputError) as error:
        read(text)
    told = str(error.value).splitlines()
    hits = [sentence for sentence in told if fragment in sentence]
    assert len(hits) == 1, told
    assert hits[0].startswith(f"recipe.yaml, line {line}: "), told
    assert all(re.match(r"recipe\.yaml, line \d+: ", sentence) for sentence in told)
    assert not re.search(r"pydantic|validation error|Input should|type=", str(error.value))


def test_all_problems_are_told_in_the_order_of_the_file(read):
    text = written(f"{DRIVE}|copies: two|bits: 9").replace("observer: x", "observer: x\nsede: 1\nfit: Crop")
    with pytest.raises(InputError) as error:
        read(text)
    assert str(error.value).splitlines() == [
        "recipe.yaml, line 2: sede is unknown: did you mean 'seed'?",
        "recipe.yaml, line 3: fit: 'Crop' (text) given; expected 'crop', 'pad', 'stretch' or 'exact': did you mean 'crop'?",
        "recipe.yaml, line 9: stimuli[0].copies: 'two' (text) given; expected a whole number from 1 to 1000",
        "recipe.yaml, line 10: stimuli[0].bits: 9 (whole number) given; expected 8, 16, 24 or 32",
    ]


def test_a_flood_of_problems_is_cut(read):
    with pytest.raises(InputError) as error:
        read("observer: x\n" + "".join(f"key{n}: 1\n" for n in range(1000)) + ENTRY)
    told = str(error.value).splitlines()
    assert len(told) == 51
    assert told[-1] == "recipe.yaml: and 950 more problems"


def test_long_values_are_cut(read):
    with pytest.raises(InputError) as error:
        read(written(f"{DRIVE}|copies: {'x' * 100_000}|{'k' * 1000}: 1"))
    assert max(map(len, str(error.value).splitlines())) < 400


def test_no_prefix_of_a_good_recipe_escapes_as_another_error(read):
    text = written(f"{HOT}|{OTHERS}|optimiser: {{name: adam, step: 1e-3}}")
    messages = []
    for end in range(len(text)):
        try:
            read(text[:end])
        except InputError as error:
            messages += str(error).splitlines()
    assert len(messages) > 100
    assert all(message.startswith("recipe.yaml, line ") for message in messages)


@pytest.mark.parametrize(
    "value", ["~", "3", "yes", ".nan", "''", "x", "[]", "[[]]", "[~]", "{}", "{kind: ~}", "{a: {b: 1}}"]
)
def test_any_value_anywhere_is_a_sentence(read, value):
    # Each key of the entries and of the recipe in turn takes a value of the wrong kind.
    for entry in (DRIVE, f"{HOT}|{OTHERS}", METAMER):
        keys = ["start", "optimiser", "parametrisation", "constraints", "robustness", "target_db", "seconds"]
        lines = [line for line in entry.split("|") if not line.startswith("kind")]
        for key in dict.fromkeys([*(line.split(":")[0] for line in lines), *keys]):
            changed = [line for line in entry.split("|") if not line.startswith(f"{key}:")]
            _refused_well(read, written("|".join([*changed, f"{key}: {value}"])))
    for key in ("schema_version", "observer", "seed", "fit", "pool", "criteria", "stimuli"):
        _refused_well(
            read,
            "\n".join(
                [f"{key}: {value}", *([] if key == "observer" else ["observer: x"]), ENTRY if key != "stimuli" else ""]
            ),
        )


def _refused_well(read, text):
    try:
        read(text)
    except InputError as error:
        for sentence in str(error).splitlines():
            assert re.match(r"recipe\.yaml, line \d+: \S", sentence)
            assert "another value" not in sentence


def _numbers(model, place=""):
    for name, field in model.model_fields.items():
        for option in expand_options(field.annotation, field.metadata):
            yield from _numbers_at(option, f"{place}.{name}")


def _numbers_at(option, place):
    if option.model:
        yield from _numbers(option.model, place)
    elif option.annotation is float:
        yield place, option
    for part in get_args(option.annotation):
        for inner in expand_options(part):
            yield from _numbers_at(inner, place)


NUMBERS = sorted({place: option for place, option in _numbers(Recipe)}.items())


@pytest.mark.parametrize(("place", "option"), NUMBERS, ids=[place for place, _ in NUMBERS])
def test_every_number_has_a_sane_range(place, option):
    found = TypeAdapter(Annotated[(float, *option.metadata)])
    for value in (1e308, -1e308, 1e12, -1e12, math.inf, math.nan):
        with pytest.raises(ValidationError):
            found.validate_python(value)


def test_the_walk_finds_the_numbers():
    assert len(NUMBERS) >= 25
    assert {".stimuli.target", ".stimuli.levels", ".stimuli.pattern", ".stimuli.constraints.band_hz"} <= dict(
        NUMBERS
    ).keys()
