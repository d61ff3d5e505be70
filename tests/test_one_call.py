"""One call makes stimuli as a recipe of one entry does, from whatever a user has at hand."""

import numpy as np
import PIL.Image
import pytest
import skimage.data
import timm
import torch
from engine_fixture import small_network

import synthstim
from synthstim.errors import InputError
from synthstim.production.one_call import Synthesised

SIDE = 64


@pytest.fixture(scope="module")
def observer():
    return synthstim.load_model(size=(SIDE, SIDE))


@pytest.fixture(scope="module")
def photograph():
    return skimage.data.chelsea()[100 : 100 + SIDE, 120 : 120 + SIDE]


@pytest.fixture
def references(photograph, tmp_path):
    values = np.float32(photograph.transpose(2, 0, 1) / 255)
    PIL.Image.fromarray(photograph).save(tmp_path / "cat.png")
    return {
        "array": values,
        "tensor": torch.from_numpy(values),
        "picture": PIL.Image.fromarray(photograph),
        "path": tmp_path / "cat.png",
        "text": str(tmp_path / "cat.png"),
    }


def test_a_reference_may_be_an_array_a_tensor_a_picture_or_a_file(observer, references):
    made = {
        name: synthstim.metamer(observer, reference, "blocks.0", evaluations=4, seed=3, pool=None)
        for name, reference in references.items()
    }
    for name, one in made.items():
        assert isinstance(one, Synthesised)
        assert torch.allclose(one.reference, made["array"].reference, atol=1e-6), name
        assert one.table["match_db"][0] == pytest.approx(made["array"].table["match_db"][0], abs=0.2), name


def test_copies_and_layers_are_rows_and_the_same_seed_gives_the_same(observer, photograph):
    asked = {"copies": 2, "seed": 5, "evaluations": 3}
    one = synthstim.metamer(observer, PIL.Image.fromarray(photograph), ["blocks.0", ["blocks.1", "blocks.2"]], **asked)
    two = synthstim.metamer(observer, PIL.Image.fromarray(photograph), ["blocks.0", ["blocks.1", "blocks.2"]], **asked)
    assert list(one.table["layer"]) == ["blocks.0", "blocks.0", "blocks.1+blocks.2", "blocks.1+blocks.2"]
    assert torch.equal(one.stimuli, two.stimuli)
    assert len({stimulus.numpy().tobytes() for stimulus in one.stimuli}) == 4


def test_control_makes_what_a_recipe_makes_and_keeps_the_set(observer, tmp_path):
    unit = synthstim.Unit(layer="blocks.1", channel=3)
    made = synthstim.control(observer, "drive", unit=unit, copies=2, evaluations=8, seed=1, out=tmp_path / "kept")
    kept = synthstim.StimulusSet.read(tmp_path / "kept")
    assert list(kept.table["stimulus_id"]) == list(made.table["stimulus_id"])
    assert np.array_equal(kept.stimulus(kept.table["file"][1]), made.stimuli[1].numpy())
    entry = {"name": "controller", "kind": "controller", "goal": "drive", "unit": {"layer": "blocks.1", "channel": 3}}
    recipe = {"observer": "x", "seed": 1, "stimuli": [entry | {"copies": 2, "evaluations": 8}]}
    again = synthstim.make(recipe, tmp_path / "recipe", observer=observer)
    assert list(again.table["sha256"]) == list(kept.table["sha256"])


def test_the_observer_may_be_a_network_that_says_what_it_is_shown():
    network = timm.create_model("mobilenetv3_small_050")
    observer = synthstim.Observer(network)
    assert observer.input.size == (224, 224)
    assert observer.input.mean == network.pretrained_cfg["mean"]
    with pytest.raises(InputError, match="does not say which images it is shown") as refused:
        synthstim.metamer(torch.nn.Conv2d(3, 4, 3), "x.png", "output")
    assert refused.value.code == "missing"


def test_a_network_of_transformers_says_it_by_the_processor_beside_its_weights(tmp_path):
    from transformers import AutoModel, ViTConfig, ViTImageProcessor, ViTModel

    config = ViTConfig(
        hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ViTModel(config).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="does not say which images it is shown"):
        synthstim.Observer(AutoModel.from_pretrained(tmp_path))
    ViTImageProcessor(size={"height": 32, "width": 32}, image_mean=[0.4] * 3, image_std=[0.2] * 3).save_pretrained(
        tmp_path
    )
    observer = synthstim.Observer(AutoModel.from_pretrained(tmp_path))
    block = next(name for name in observer.layers if name.endswith(".1"))  # other versions name it otherwise
    assert (observer.input.size, observer.input.mean, observer.input.std) == ((32, 32), (0.4,) * 3, (0.2,) * 3)
    made = synthstim.Synthesiser(
        observer,
        synthstim.objectives.match(torch.full((1, 3, 32, 32), 0.3), [block]),
        seeds=[0],
        stopping=synthstim.optimise.Stopping(evaluations=12),
    )
    first = next(iter(made)).best[0]
    assert made.result().scores[0] >= first


def test_sounds_keep_the_level_of_the_array(tmp_path):
    observer = synthstim.load_model("cochleagram", seconds=0.3, rate=20_000)
    rng = np.random.default_rng(0)
    noise = 0.05 * rng.standard_normal(observer.input.shape)
    sound = np.float32(noise - noise.mean())
    made = synthstim.metamer(observer, sound, "cochleagram", evaluations=2)
    assert made.table["status"].isin(["passed", "failed"]).all()
    assert np.abs(made.reference.numpy() - sound).max() < 1e-5


@pytest.mark.parametrize(
    ("call", "code", "value"),
    [
        (lambda o: synthstim.metamer(o, np.zeros((3, 5, 5)), "blocks.0"), "mismatch", None),
        (lambda o: synthstim.metamer(o, np.full((3, SIDE, SIDE), 7.0), "blocks.0"), "value", None),
        (lambda o: synthstim.metamer(o, np.zeros((3, SIDE, SIDE)), "bloks.0"), "unknown", "bloks.0"),
        (lambda o: synthstim.metamer(o, np.zeros((3, SIDE, SIDE), np.uint8), "blocks.0"), "value", None),
        (lambda o: synthstim.metamer(o, ["one.png", "two.png"], "blocks.0"), "value", None),
        (lambda o: synthstim.control(o, "drive"), "value", None),
        (lambda o: synthstim.control(o, "drive", unit={"layer": "blocks.0", "channel": 999}), "value", None),
    ],
)
def test_mistakes_are_said_before_long_work(observer, call, code, value):
    with pytest.raises(InputError) as refused:
        call(observer)
    assert (refused.value.code, refused.value.value) == (code, value)


def test_a_unit_that_is_a_function_is_for_the_synthesiser(observer):
    unit = synthstim.Unit(layer="blocks.0", reader=lambda read: read.flatten(1).mean(1), label="all")
    with pytest.raises(InputError, match="use Synthesiser"):
        synthstim.control(observer, "drive", unit=unit)


def test_the_defaults_of_synthesis_are_those_of_the_study():
    observer = small_network()
    reference = torch.rand(1, *observer.input.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matching = synthstim.Synthesiser(observer, synthstim.objectives.match(reference, ["2"]), seeds=[0])
    assert type(matching.optimiser).__name__ == "LBFGS"
    assert type(matching.evaluator.parametrisation).__name__ == "Fourier"
    driving = synthstim.Synthesiser(
        observer, synthstim.objectives.drive(synthstim.Unit(layer="2", channel=0)), seeds=[0]
    )
    assert type(driving.optimiser).__name__ == "Adam"


class Gratings:
    """Latents of one's own, which no stimulus gives back: amplitudes of gratings of all colours."""

    latent_shape = (3, 6)

    def __init__(self, shape):
        self.shape = shape
        x = torch.linspace(0, 2 * torch.pi, shape[-1])
        self.waves = torch.stack([torch.sin(x * cycles) for cycles in range(1, 7)])

    def render(self, latents):
        rows = torch.einsum("bcl,lx->bcx", latents, self.waves.to(latents))
        return torch.sigmoid(rows[:, :, None].expand(-1, -1, self.shape[1], -1))

    def project(self, latents):
        return latents


def test_latents_of_ones_own_are_kept_rendered_again_and_never_finished_on_pixels(observer, photograph, tmp_path):
    own = Gratings(observer.input.shape)
    picture = PIL.Image.fromarray(photograph)
    made = synthstim.metamer(observer, picture, "blocks.0", parametrisation=own, evaluations=120, out=tmp_path / "set")
    assert made.stimuli.std(2).max() < 1e-6  # every row of a grating is the same
    kept = synthstim.StimulusSet.read(tmp_path / "set")
    assert list(kept.table["parametrisation"]) == ["gratings"]
    assert kept.latents(kept.table["stimulus_id"][0]).shape == own.latent_shape
    assert not synthstim.check_set(kept, observer, parametrisation=own).problems
    own.waves = own.waves.flip(0)
    assert "render to another stimulus" in synthstim.check_set(kept, observer, parametrisation=own).problems[0]
    with pytest.raises(InputError, match=r"a parametrisation of .* given") as refused:
        synthstim.metamer(observer, picture, "blocks.0", parametrisation=Gratings((3, 8, 8)))
    assert refused.value.code == "mismatch"


def test_what_is_chosen_needs_no_default_of_the_modality(monkeypatch):
    observer = small_network()

    def refuse(*_, **__):
        raise AssertionError("a default was made that nobody uses")

    monkeypatch.setattr("synthstim.optimise.loop.usual", refuse)
    given = {"seeds": [0], "optimiser": synthstim.optimise.Adam()}
    goal = synthstim.objectives.drive(synthstim.Unit(layer="2", channel=0))
    made = synthstim.Synthesiser(observer, goal, synthstim.parametrise.Pixels(observer.input.shape), **given)
    assert made.optimiser is given["optimiser"]
