"""Observers opened by name: functions of the user's, what opens a set again, and checkpoints with another head."""

import json
import re
import subprocess
import sys
import warnings
from functools import cache

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from encoding_fixture import maps_of, recorded, stimuli
from engine_fixture import photographs, small_network
from typer.testing import CliRunner

from synthstim.catalogue import OWN
from synthstim.cli import app
from synthstim.cli.listing import LISTS
from synthstim.encoding import fit_sites, save_fit
from synthstim.errors import InputError, said_by
from synthstim.modalities.image import write_png
from synthstim.models import ImageInput, Observer, load_model, weights_elsewhere
from synthstim.models.opening import open_model
from synthstim.observers import open_observer
from synthstim.production import make, observer_of_set
from synthstim.production.jobs import plan_jobs
from synthstim.recipe import Recipe
from synthstim.stimulus_set import StimulusSet
from synthstim.verify import check_set, natural_pool

# A module of the user's, as docs/own_networks.md has it.
MINE = """
import torch
from torch import nn
from synthstim import ImageInput, InputError, Observer
from synthstim.models.weights import load_into, read_weights

def net(weights="default", size=(24, 24)):
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 4, 5), nn.ReLU())
    if weights != "default":
        load_into(made, read_weights(weights), str(weights))
    return Observer(made, input=ImageInput(size=size), name="mine")

def fixed():
    return net()

def fails():
    return [][3]

def refuses():
    raise InputError("no such cortex: choose V1 or V4")

def number():
    return 3

def bare():
    return nn.Conv2d(3, 4, 5)

network = bare()
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The name of a module of the user's, which can be imported."""
    (tmp_path / "mine_for_tests.py").write_text(MINE)
    (tmp_path / "broken_for_tests.py").write_text("import torch\n1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "mine_for_tests"
    sys.modules.pop("mine_for_tests", None)


def weights_file(path, scale: float = 2.0):
    torch.manual_seed(0)
    state = {name: scale * value for name, value in torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5)).state_dict().items()}
    safetensors.torch.save_file(state, path)
    return path


def test_a_function_is_given_what_was_asked_for(mine, tmp_path):
    plain = open_observer(f"{mine}:net", allow_code=True)
    assert plain.opening == {"name": f"{mine}:net"}
    other = open_observer(
        f"{mine}:net", weights=weights_file(tmp_path / "w.safetensors"), size=(20, 16), allow_code=True
    )
    assert other.input.size == (20, 16)
    assert other.weights_sha256 != plain.weights_sha256
    assert other.opening == {"name": f"{mine}:net", "weights": "w.safetensors", "size": (20, 16)}
    assert open_observer(f"{mine}:fixed", size=(24, 24), allow_code=True).input.size == (24, 24)


NOT_OPENED = {
    "not allowed": ("mine_for_tests:net", {"allow_code": False}, "is code of yours: allow it with --allow-code"),
    "size": ("mine_for_tests:fixed", {"size": (64, 64)}, r"is shown 3 x 24 x 24, size \(64, 64\) given: leave it out, or let"),
    "weights": ("mine_for_tests:fixed", {"weights": "x.pth"}, "takes no weights, x.pth given: leave them out, or let it"),
    "random": ("mine_for_tests:fixed", {"weights": "random"}, "takes no weights, random given"),
    "duration": ("mine_for_tests:net", {"seconds": 2.0}, "is shown 3 x 24 x 24, seconds 2.0 given"),
    "function": ("mine_for_tests:nett", {}, "mine_for_tests has no function 'nett': did you mean 'net'"),
    "module": ("no_such_module:net", {}, "no_such_module:net cannot be imported .+: check the name and PYTHONPATH"),
    "broken": ("broken_for_tests:net", {}, "broken_for_tests fails on import: ZeroDivisionError in broken_for_tests.py, line 2"),
    "fails": ("mine_for_tests:fails", {}, "mine_for_tests:fails failed: IndexError in mine_for_tests.py, line 18: list index"),
    "refuses": ("mine_for_tests:refuses", {}, "^no such cortex: choose V1 or V4$"),
    "number": ("mine_for_tests:number", {}, "returned a int; expected a synthstim.Observer"),
    "bare": ("mine_for_tests:bare", {}, r"returned a Conv2d; expected a synthstim.Observer: a function that returns .*ImageInput"),
    "network": ("mine_for_tests:network", {}, "mine_for_tests:network is a Conv2d; expected a synthstim.Observer: a function"),
    "file": ("mine_for_tests.py:net", {}, "name mine_for_tests.py as mine_for_tests:net, and set PYTHONPATH=."),
    "path": ("./mine_for_tests.py:net", {}, "names a file; expected .*: name it mine_for_tests:net, and set PYTHONPATH=."),
    "elsewhere": ("unseen:net", {}, "name unseen.py as unseen:net, and set PYTHONPATH=."),
    "no function": ("unseen.py", {}, "there is a file unseen.py: an observer of your own is named unseen:FUNCTION"),
    "sites": ("fit:somewhere", {"weights": "x.pth"}, "stands on the network it was fitted to, weights x.pth given"),
}  # fmt: skip


@pytest.mark.parametrize("name", NOT_OPENED)
def test_what_does_not_open_says_why(mine, name, tmp_path, monkeypatch):
    desk = tmp_path / "desk"
    desk.mkdir()
    (desk / "unseen.py").write_text(MINE)
    (desk / "mine_for_tests.py").write_text(MINE)
    monkeypatch.chdir(desk)
    asked, options, reason = NOT_OPENED[name]
    with pytest.raises(InputError, match=reason):
        open_observer(asked, **{"allow_code": True, **options})


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: load_model(torch.nn.ReLU()), "a ReLU given; expected the name of a model: a network of your own"),
        (lambda: load_model(size=64), r"size 64 given; expected \(height, width\) in pixels"),
        (lambda: ImageInput(size=(64,)), r"size \(64,\) given; expected \(height, width\)"),
        (lambda: ImageInput(size=(64.0, 64.0)), r"size \(64.0, 64.0\) given"),
        (lambda: Observer(torch.nn.ReLU(), input=(24, 24)), r"input \(24, 24\) given; expected ImageInput"),
        (lambda: Recipe.from_dict("tonight.yaml"), "a str given; expected a mapping: a file is read with read_recipe"),
    ],
)
def test_what_python_gives_in_the_place_of_something_else_is_one_sentence(call, said):
    with pytest.raises(InputError, match=said):
        call()


# Sets that were made on networks of one's own.
RECIPE = {"stimuli": [{"name": "u", "kind": "controller", "goal": "drive", "unit": {"layer": "0", "channel": 1}, "evaluations": 5}]}  # fmt: skip


@pytest.fixture
def naturals(tmp_path):
    folder = tmp_path / "naturals"
    folder.mkdir()
    for number, image in enumerate(photographs("coffee chelsea astronaut rocket", (24, 24))):
        write_png(folder / f"{number}.png", image.numpy().astype(np.float64))
    return folder


def checked(made: StimulusSet, naturals, observer: Observer) -> list[str]:
    return check_set(made, observer, pool=natural_pool(observer, naturals)).problems


def test_a_set_made_on_a_function_is_opened_and_checked_by_what_it_records(mine, tmp_path, naturals):
    weights = weights_file(tmp_path / "w.safetensors")
    asked = {"name": f"{mine}:net", "weights": str(weights), "size": [20, 20]}
    made = make({**RECIPE, "observer": asked, "pool": str(naturals)}, tmp_path / "set", allow_code=True)
    facts = json.loads((tmp_path / "set" / "provenance.json").read_text())["observer"]
    assert facts["name"] == "mine"
    assert facts["opening"] == {"name": f"{mine}:net", "weights": "w.safetensors", "size": [20, 20]}
    with pytest.raises(InputError, match=r"made with the weights file w.safetensors: name it with --weights"):
        observer_of_set(made, allow_code=True)
    with pytest.raises(InputError, match="allow it with --allow-code"):
        observer_of_set(made, weights=weights)
    observer = observer_of_set(made, weights=weights, allow_code=True)
    assert observer.input.size == (20, 20)
    assert checked(made, naturals, observer) == []


def test_a_set_made_in_python_is_checked_with_the_function_that_is_named(mine, tmp_path, naturals):
    observer = open_observer(f"{mine}:net", allow_code=True)
    observer.opening = None  # As of one that was built in Python.
    made = make({**RECIPE, "observer": "squeezenet", "pool": str(naturals)}, tmp_path / "set", observer=observer)
    with pytest.raises(InputError, match="made in Python on an observer of yours, 'mine': name the function"):
        observer_of_set(made)
    again = observer_of_set(made, observer=f"{mine}:net", allow_code=True)
    assert checked(made, naturals, again) == []


@pytest.mark.parametrize("opening", ["recorded", "earlier version"])
def test_models_with_names_are_opened_as_before(tmp_path, naturals, opening):
    entry = {**RECIPE["stimuli"][0], "unit": {"layer": "conv1", "channel": 1}}
    asked = {"name": "timm:test_resnet", "weights": "random", "size": 32}
    with pytest.warns(UserWarning, match="RANDOM"):
        made = make({"stimuli": [entry], "observer": asked, "pool": str(naturals)}, tmp_path / "set")
    if opening == "earlier version":
        path = tmp_path / "set" / "provenance.json"
        facts = json.loads(path.read_text())
        del facts["observer"]["opening"]
        path.write_text(json.dumps(facts))
        made = StimulusSet.read(tmp_path / "set")
    with pytest.warns(UserWarning, match="RANDOM"):
        observer = observer_of_set(made)
    assert observer.input.size == (32, 32)
    assert observer.weights_sha256 == made.provenance["observer"]["weights_sha256"]


# Checkpoints whose head is another.
@cache
def weights_of_resnet() -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return timm.create_model("test_resnet").state_dict()


def resnet(classes: int = 1000) -> dict[str, torch.Tensor]:
    """Weights with a head of so many classes."""
    body = without(weights_of_resnet(), "fc")
    return body | {"fc.weight": torch.rand(classes, 96), "fc.bias": torch.rand(classes)}


def without(state, start):
    return {name: value for name, value in state.items() if not name.startswith(start)}


def under(state, prefix):
    return {f"{prefix}{name}": value for name, value in state.items()}


# The state, whether its head can be read, and the note.
OTHER_HEADS = {
    "10 classes": (lambda: resnet(10), False, r"has 'fc.weight' of \(10, 96\), the network wants \(1000, 96\)"),
    "none": (lambda: without(resnet(), "fc"), False, "lacks 'fc.weight'"),
    "two layers": (lambda: without(resnet(), "fc") | {"fc.0.weight": torch.rand(3, 96)}, False, "lacks 'fc.weight'"),
    "projection": (lambda: under(without(resnet(), "fc"), "backbone.") | {"projector.weight": torch.rand(2, 2)}, False, "lacks 'fc.weight'"),
    "module": (lambda: under(resnet(), "module."), True, ""),
    "averaged": (lambda: under(resnet(), "module.") | {"n_averaged": torch.tensor(3)}, True, ""),
    "nested wrappers": (lambda: under(resnet(7), "module.model."), False, "has 'fc.weight' of"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("name", OTHER_HEADS)
def test_a_checkpoint_with_another_head_serves_the_layers_before_it(tmp_path, name, suffix):
    make_state, whole, note = OTHER_HEADS[name]
    state, path = make_state(), tmp_path / f"w{suffix}"
    if suffix == ".pth":
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        observer = load_model("timm:test_resnet", weights=path, size=(64, 64))
    assert len(told) == (0 if whole else 1)
    assert whole or re.search(f"{note}.*: layers that need it cannot be read", str(told[0].message))
    own = timm.create_model("test_resnet").eval()
    own.load_state_dict(without(resnet(), "fc"), strict=False)
    shown = torch.rand(2, 3, 64, 64)
    wanted = own.forward_features(observer.preprocess(shown))
    torch.testing.assert_close(observer.activations(shown, ["layer4"])["layer4"], wanted)
    if whole:
        observer.require(["output"])
        return
    for layer in ("fc", "output"):
        with pytest.raises(InputError, match=f"'{layer}' of timm:test_resnet needs 'fc.weight', for which it has no weights: choose a layer before it, such as 'global_pool'"):  # fmt: skip
            observer.require([layer])
    assert observer.decide(shown) is None


UNFITTING = {
    "deeper": (lambda: resnet() | {"layer1.1.conv1.weight": torch.rand(32, 32, 3, 3)}, "has 'layer1.1.conv1.weight' too many"),
    "wider": (lambda: resnet() | {"conv1.0.weight": torch.rand(48, 3, 3, 3)}, "'conv1.0.weight' is \\(48, 3, 3, 3\\)"),
    "middle": (lambda: without(resnet(), "layer2"), "lacks 'layer2.0.bn1.bias'"),
    "twice": (lambda: under(resnet(), "encoder_q.") | under(resnet(), "encoder_k."), "several times, under 'encoder_q.' and 'encoder_k.'"),
    "something before": (lambda: resnet() | {"norm_pre.weight": torch.ones(3)}, "has 'norm_pre.weight' too many"),
    "damaged": (lambda: resnet() | {"conv1.1.bias": torch.full_like(resnet()["conv1.1.bias"], torch.nan)}, "'conv1.1.bias' holds NaN"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFITTING)
def test_a_checkpoint_that_differs_elsewhere_is_refused(tmp_path, name):
    torch.save(UNFITTING[name][0](), tmp_path / "w.pth")
    with pytest.raises(InputError, match=UNFITTING[name][1]):
        load_model("timm:test_resnet", weights=tmp_path / "w.pth")


@pytest.mark.parametrize(
    "words",
    [
        "Weights only load failed. Re-running `torch.load` with `weights_only` set to `False`",
        "Cannot load file containing pickled data when allow_pickle=False",
        "set the option `trust_remote_code=True` to remove this error",
        "",
    ],
)
def test_no_sentence_advises_to_load_what_may_run_code(words):
    assert said_by(RuntimeError(words)) == "RuntimeError"
    assert said_by(RuntimeError("disk full\nat 0x7f")) == "disk full"


def test_a_file_that_holds_more_than_tensors_is_sent_to_the_converter(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pth")
    with pytest.raises(
        InputError, match=r"whole.pth cannot be read as plain weights \(.+\): convert it \(synthstim convert\)"
    ) as told:
        load_model("resnet18", weights=tmp_path / "whole.pth")
    assert "weights_only" not in str(told.value)


def test_where_weights_are_is_known_without_them():
    elsewhere = "cochcnn9", "cornet-s", "vonenet-alexnet", "resnet18"
    here = "efficientnet-lite0", "cochleagram", "faces", "nothing"
    assert [weights_elsewhere(name) for name in (*elsewhere, *here)] == [True] * 4 + [False] * 4


# Commands that list.
@pytest.mark.parametrize("name", ["cochcnn9", "timm:test_resnet"])
def test_layers_are_listed_without_the_trained_weights(name):
    done = CliRunner().invoke(app, ["layers", name])
    assert done.exit_code == 0
    assert f"the trained weights of {name} are not here: its layers are the same with random ones" in done.output
    assert "RANDOM" not in done.output
    assert "output" in done.output


def test_models_are_the_packages_own_unless_more_are_asked_for():
    own, found = (CliRunner().invoke(app, ["models", *words]).output for words in ([], ["--search", "resnet18"]))
    assert all(f" {name} " in own for entries in OWN.values() for name in entries)
    assert "resnet18" not in own
    assert "seresnet18" in found
    assert "cochleagram" not in found


@pytest.mark.parametrize(
    ("line", "old", "new", "said"),
    [
        (6, 'layer: "0"', 'layer: "7"', "u: small has no layer '7': known are '0'"),
        (6, "channel: 1", "channel: 99", "u: channel 99 is outside 0, which has 8 channels"),
        (12, '- "2"', "- two", "m: small has no layer 'two'"),
    ],
)
def test_what_the_observer_lacks_is_told_with_the_line_of_the_recipe(naturals, line, old, new, said):
    text = """seed: 3
observer: squeezenet
stimuli:
  - name: u
    kind: controller
    unit: {layer: "0", channel: 1}
    goal: drive
  - name: m
    kind: metamer
    reference: 0.png
    layers:
      - "2"
      - "3"
"""
    recipe = Recipe.from_text(text.replace(old, new), naturals, name="tonight.yaml")
    with pytest.raises(InputError, match=f"^tonight.yaml, line {line}: {said}"):
        plan_jobs(recipe, small_network(size=(24, 24)))


# What commands import.
LIGHT = {
    **{name: ([name], ("torch", "timm", "torchvision", "numpy", "pandas")) for name in ("models", *LISTS)},
    "protocols": (["protocols"], ("torch", "timm", "torchvision", "numpy", "pandas")),
    "layers": (["layers", "efficientnet-lite0"], ("timm", "torchvision", "pandas", "scipy.stats", "sklearn", "torch._dynamo")),
}  # fmt: skip


@pytest.mark.parametrize("name", LIGHT)
def test_commands_that_list_import_no_more_than_they_use(name):
    words, heavy = LIGHT[name]
    code = (
        f"import sys; sys.argv = ['synthstim', *{words}]; from synthstim.cli import app\n"
        f"try: app()\nexcept SystemExit: pass\n"
        f"print('\\n', [heavy for heavy in {heavy} if heavy in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == "[]"


def test_networks_written_here_are_those_of_the_libraries_layer_for_layer():
    from synthstim.models import efficientnet_lite, squeezenet
    from synthstim.models.survey import survey

    shown = torch.rand(2, 3, 64, 71)
    pairs = [
        (efficientnet_lite.bare_network(number), timm.create_model(f"tf_efficientnet_lite{number}"))
        for number in range(3)
    ]
    pairs.append((squeezenet.bare_network(), torchvision.models.squeezenet1_1(weights=None)))
    for own, theirs in pairs:
        own.eval()
        theirs.eval().load_state_dict(own.state_dict())
        assert list(survey(own, shown).shapes.items()) == list(survey(theirs, shown).shapes.items())
        torch.testing.assert_close(own(shown), theirs(shown))


def test_models_of_the_zoo_remember_what_opens_them():
    with pytest.warns(UserWarning, match="RANDOM"):
        made = open_model("timm:test_resnet", weights="random", size=(32, 40))
    assert made.opening == {"name": "timm:test_resnet", "weights": "random", "size": (32, 40)}
    assert made.given(ImageInput(size=(16, 16))).opening == made.opening


def test_a_fit_on_a_function_opens_with_its_sites(mine, tmp_path):
    observer = open_observer(f"{mine}:net", size=(16, 16), allow_code=True)
    signal = maps_of(observer, 60, "1").mean((2, 3))[:, :2]
    made = fit_sites(observer, recorded(signal), stimuli(60), ["1"], shuffled=False, method="ridge")
    save_fit(made, tmp_path / "fit")
    with pytest.raises(InputError, match="is code of yours: allow it with --allow-code"):
        open_observer(f"fit:{tmp_path / 'fit'}")
    again = open_observer(f"fit:{tmp_path / 'fit'}", allow_code=True)
    assert again.sites == made.sites
    assert again.weights_sha256 == made.observer.weights_sha256
    with pytest.raises(InputError, match=r"is shown 3 x 16 x 16, size \(20, 20\) given"):
        open_observer(f"fit:{tmp_path / 'fit'}", size=(20, 20), allow_code=True)
