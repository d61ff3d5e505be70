"""Observers: what they read, how far they compute, what they refuse."""

import pickle
import urllib.error

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
import torchvision
from engine_fixture import photographs, small_network
from torch import nn

from synthstim.errors import InputError
from synthstim.models import OUTPUT, Axes, ImageInput, Observer, Unit, gather_table, load_model, model_names, read_units
from synthstim.models.weights import load_into, read_weights

GREY = ImageInput(size=(8, 8), channels=1)


def of(module: nn.Module, channels: int = 1) -> Observer:
    return Observer(module, input=ImageInput(size=(8, 8), channels=channels))


def images(count: int = 2, channels: int = 1) -> torch.Tensor:
    return torch.rand(count, channels, 8, 8, generator=torch.Generator().manual_seed(0))


class Counted(nn.Module):
    """An identity that counts its calls."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, values):
        self.calls += 1
        return values


class Twice(nn.Module):
    """One rectifier used twice, in a loop, and a convolution between."""

    def __init__(self):
        super().__init__()
        self.relu, self.conv = nn.ReLU(inplace=True), nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, values):
        for _ in range(2):
            values = self.relu(self.conv(values) - 0.1)
        return values


class Catching(nn.Module):
    """Calls a part that fails, catches everything, and goes on another way."""

    def __init__(self, caught):
        super().__init__()
        self.caught, self.first, self.broken, self.last = caught, nn.Conv2d(1, 1, 3), nn.Linear(3, 3), Counted()

    def forward(self, values):
        try:
            values = self.first(self.broken(values))
        except Exception:
            values = self.first(values)
        try:
            values = self.first(values)
        except self.caught:
            values = values.mul_(2)
        return self.last(values.mul_(2))


class InPlace(nn.Module):
    """Overwrites what its parts put out."""

    def __init__(self):
        super().__init__()
        self.conv, self.alias, self.relu = nn.Conv2d(1, 2, 3), nn.Identity(), nn.ReLU(inplace=True)

    def forward(self, values):
        convolved = self.conv(values)
        same = self.alias(convolved)
        rectified = self.relu(same)
        rectified += 1
        rectified.mul_(3)
        return nn.functional.relu_(rectified - 2)


class Endings(nn.Module):
    """Parts that put out no tensor."""

    def __init__(self):
        super().__init__()
        self.pair, self.table = nn.LSTM(8, 4, batch_first=True), nn.Identity()

    def forward(self, values):
        hidden, _ = self.pair(values[:, 0])
        self.table({"a": hidden})
        return hidden.sum(1)


def hooks_left(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def test_the_embedded_observer_sees_what_is_known(efficientnet):
    seen = photographs("coffee chelsea", (224, 224))
    share = efficientnet.activations(seen, [OUTPUT])[OUTPUT].softmax(1)
    assert efficientnet.decide(seen) == [967, 285]  # espresso, Egyptian cat
    assert share[0, 967].item() == pytest.approx(0.94, abs=0.02)
    assert share[1, 285].item() == pytest.approx(0.39, abs=0.03)
    assert efficientnet.layers["blocks.2"] == (40, 28, 28)
    assert efficientnet.layers[OUTPUT] == (1000,)


def test_an_observer_is_frozen_and_in_eval_mode(efficientnet):
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).train()
    observer = of(module)
    assert not any(part.training for part in module.modules())
    assert not any(p.requires_grad for p in (*module.parameters(), *efficientnet.module.parameters()))
    before = observer.weights_sha256
    one, two = (observer.activations(images(), ["2"])["2"] for _ in range(2))
    assert torch.equal(one, two)
    assert of(module).weights_sha256 == before


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_an_observer_moves_between_dtypes(dtype):
    observer = small_network(dtype=dtype)
    read = observer.activations(torch.rand(2, 3, 16, 16, dtype=dtype), ["3", OUTPUT])
    assert {value.dtype for value in read.values()} == {dtype}


@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_any_number_of_channels_with_its_own_preprocessing(channels):
    mean, std = tuple(np.linspace(0.2, 0.6, channels)), tuple(np.linspace(0.1, 0.3, channels))
    shown = ImageInput(size=(8, 8), channels=channels, mean=mean, std=std)
    observer = Observer(nn.Sequential(nn.Identity(), nn.Conv2d(channels, 2, 3)), input=shown)
    seen = observer.activations(images(3, channels), ["0"])["0"]
    wanted = (images(3, channels) - torch.tensor(mean).view(1, -1, 1, 1)) / torch.tensor(std).view(1, -1, 1, 1)
    torch.testing.assert_close(seen, wanted.float(), atol=1e-5, rtol=1e-5)


def test_resizing_and_channel_order_are_explicit_and_differentiable():
    observer = Observer(nn.Identity(), input=ImageInput(size=(8, 8), resize=(5, 6), order="BGR"))
    shown = images(1, 3).requires_grad_()
    seen = observer.activations(shown, [OUTPUT])[OUTPUT]
    assert seen.shape == (1, 3, 5, 6)
    wanted = nn.functional.interpolate(shown, (5, 6), mode="bicubic", antialias=True).flip(1)
    torch.testing.assert_close(seen, wanted)
    seen.square().sum().backward()
    assert (shown.grad != 0).all()


BAD_INPUTS = {
    "empty": (dict(size=(0, 8)), "is empty"),
    "mean": (dict(size=(8, 8), mean=(0.5, 0.5)), "mean has 2 values for 3 channels: give 1 or 3"),
    "std": (dict(size=(8, 8), std=(0.0,)), "not positive"),
    "order": (dict(size=(8, 8), order="GBR"), "order 'GBR' is unknown: choose RGB or BGR"),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_inputs_that_make_no_sense(name):
    settings, reason = BAD_INPUTS[name]
    with pytest.raises(InputError, match=reason):
        ImageInput(**settings)


def test_stimuli_of_another_size_are_refused(efficientnet):
    with pytest.raises(InputError, match=r"shown \(3, 224, 224\) \(channel, y, x\), \(1, 64, 64\) given: resize"):
        efficientnet.activations(torch.zeros(1, 1, 64, 64), ["blocks.0"])


def test_a_module_that_does_not_take_the_stimuli_says_so():
    with pytest.raises(InputError, match="does not run on stimuli of 1 x"):
        _ = of(nn.Conv2d(3, 1, 3)).layers
    with pytest.warns(UserWarning, match="RANDOM"):
        transformer = load_model("test_vit", weights="random", size=(60, 50))
    with pytest.raises(InputError, match="does not run on stimuli of 3 x"):
        _ = transformer.layers


def test_unknown_layers_name_the_nearest(efficientnet):
    with pytest.raises(InputError, match=r"efficientnet-lite0 has no layer 'block.2': did you mean 'blocks.2'"):
        efficientnet.require(["blocks.0", "block.2"])
    with pytest.raises(InputError, match=r"no layer 'relu': it is called 2 times, choose relu@1 or relu@2"):
        of(Twice()).require(["relu"])
    with pytest.raises(InputError, match="no layer 'relu@3'"):
        of(Twice()).activations(images(), ["relu@3"])


def test_nothing_is_computed_beyond_the_last_layer():
    counters = [Counted() for _ in range(4)]
    observer = of(nn.Sequential(*counters))
    assert list(observer.layers) == ["0", "1", "2", "3", OUTPUT]
    for counter in counters:
        counter.calls = 0
    observer.activations(images(), ["2", "0"])
    assert [counter.calls for counter in counters] == [1, 1, 1, 0]
    observer.activations(images(), ["1", OUTPUT])
    assert [counter.calls for counter in counters] == [2, 2, 2, 1]


@pytest.mark.parametrize(
    "module", [Twice(), Catching(Exception), InPlace(), Endings(), nn.Sequential(Twice(), Twice())]
)
def test_every_layer_listed_can_be_read_alone_and_together(module):
    observer = of(module)
    together = observer.activations(images(), list(observer.layers))
    for layer, shape in observer.layers.items():
        alone = observer.activations(images(), [layer])[layer]
        assert tuple(alone.shape) == (2, *shape)
        assert torch.equal(alone, together[layer])
    assert hooks_left(module) == 0


def test_a_part_that_runs_twice_is_read_by_the_number_of_its_call():
    module = Twice()
    observer = of(module)
    assert {"relu@1", "relu@2", "conv@1", "conv@2"} <= observer.layers.keys()
    read = observer.activations(images(), ["relu@2", "conv@1", "relu@1"])
    assert list(read) == ["relu@2", "conv@1", "relu@1"]
    torch.testing.assert_close(read["conv@1"], module.conv(images()))
    torch.testing.assert_close(read["relu@1"], (module.conv(images()) - 0.1).relu())
    torch.testing.assert_close(read["relu@2"], (module.conv(read["relu@1"]) - 0.1).relu())


def test_in_place_operations_do_not_alter_what_was_read():
    module = InPlace()
    observer = of(module)
    read = observer.activations(images(), list(observer.layers))
    convolved = module.conv(images())
    torch.testing.assert_close(read["conv"], convolved)
    torch.testing.assert_close(read["alias"], convolved)
    torch.testing.assert_close(read["relu"], convolved.relu())


@pytest.mark.parametrize("caught", [Exception, BaseException])
def test_the_early_stop_survives_modules_that_catch_everything(caught):
    module = Catching(caught)
    observer = of(module)
    observer.require([OUTPUT])
    for layer, wanted in {"first@1": module.first(images()), "first@2": module.first(module.first(images()))}.items():
        module.last.calls = 0
        torch.testing.assert_close(observer.activations(images(), [layer])[layer], wanted)
        assert module.last.calls == (caught is BaseException and layer == "first@2")
        assert hooks_left(module) == 0


def test_no_hook_is_left_behind_when_the_module_fails():
    class Failing(nn.Module):
        def __init__(self):
            super().__init__()
            self.part, self.fail = nn.Identity(), False

        def forward(self, values):
            values = self.part(values)
            if self.fail:
                raise KeyError("broken")
            return values

    observer = of(module := Failing())
    _ = observer.layers
    module.fail = True
    with pytest.raises(KeyError):
        observer.activations(images(), [OUTPUT, "part"])
    assert hooks_left(module) == 0
    other = of(module)
    with pytest.raises(InputError, match="broken"):
        _ = other.layers
    assert hooks_left(module) == 0


def test_parts_that_put_out_no_tensor_are_not_layers():
    assert list(of(Endings()).layers) == [OUTPUT]


@pytest.mark.parametrize("top", [None, 6.0])
def test_only_a_rectifier_read_through_passes_gradients_on(top):
    rectifier = nn.ReLU(inplace=True) if top is None else nn.ReLU6()
    with torch.random.fork_rng():
        torch.manual_seed(0)  # with some weights, everything lies above zero
        first = nn.Conv2d(1, 2, 3)
    observer = of(nn.Sequential(first, rectifier, nn.Conv2d(2, 1, 3)))
    for through, identity in (((), False), (("1",), True), (("0",), False)):
        shown = images().requires_grad_()
        read = observer.activations(shown, ["0", "1"], through=through)
        torch.testing.assert_close(read["1"], read["0"].clamp(0, top or torch.inf))
        (one,) = torch.autograd.grad(read["1"].sum(), shown, retain_graph=True)
        (other,) = torch.autograd.grad(read["0"].sum(), shown)
        assert torch.allclose(one, other) == identity


# Units.
@pytest.mark.parametrize(
    ("unit", "pick"),
    [
        (Unit(layer="0", channel=1), lambda a: a[:, 1, 3, 3]),
        (Unit(layer="0", channel=0, position=(0, 5)), lambda a: a[:, 0, 0, 5]),
        (Unit(layer="0", channel=1, position="mean"), lambda a: a[:, 1].mean((1, 2))),
        (Unit(layer="0", indices=(7,)), lambda a: a.flatten(1)[:, 7]),
        (Unit(layer="0", indices=(7, 40, 71)), lambda a: a.flatten(1)[:, [7, 40, 71]].mean(1)),
        (Unit(layer="0", reader=lambda a: a.amax((1, 2, 3)), label="max"), lambda a: a.amax((1, 2, 3))),
        (Unit(layer="2", channel=3), lambda a: a[:, 3]),
        (Unit(layer="tokens", channel=2, position=(1,)), lambda a: a[:, 1, 2]),
        (Unit(layer="tokens", channel=2, position="mean"), lambda a: a[..., 2].mean(1)),
    ],
    ids=lambda value: value.name if isinstance(value, Unit) else "",
)
def test_units_read_what_they_say(unit, pick):
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 5))
    if unit.layer == "tokens":
        module.add_module("tokens", nn.Unflatten(1, (5, 1)))
        module.add_module("wide", nn.Linear(1, 4))
        unit = Unit(layer="wide", channel=unit.channel, position=unit.position)
    observer = of(module)
    values = observer.activations(images(), [unit.layer])[unit.layer]
    torch.testing.assert_close(read_units(observer, images(), [unit, unit])[:, 1], pick(values))
    if unit.reader is None:
        indices, weights = gather_table([unit], observer)
        torch.testing.assert_close((values.flatten(1)[:, indices[0]] * weights[0]).sum(1), pick(values))


BAD_UNITS = {
    "channel": (dict(channel=2), "channel 2 is outside 0, which has 2 channels: 0 to 1"),
    "negative": (dict(channel=-1), "channel -1 is outside"),
    "position": (dict(channel=0, position=(6, 0)), r"position \(6, 0\) is outside 0, which is 6 x 6"),
    "axes": (dict(channel=0, position=(1,)), "is outside"),
    "word": (dict(channel=0, position="corner"), "position 'corner' is unknown: choose centre, mean or 2 coordinates"),
    "index": (dict(indices=(0, 72)), "index 72 is outside 0, which has 72 units: 0 to 71"),
}


@pytest.mark.parametrize("name", BAD_UNITS)
def test_units_outside_their_layer(name):
    settings, reason = BAD_UNITS[name]
    with pytest.raises(InputError, match=reason):
        Unit(layer="0", **settings).flat_indices((2, 6, 6), Axes(("channel", "y", "x")))


@pytest.mark.parametrize("settings", [{}, {"channel": 1, "indices": (1,)}, {"indices": ()}])
def test_a_unit_is_one_thing(settings):
    with pytest.raises(InputError, match="a unit of 0"):
        Unit(layer="0", **settings)


def test_a_function_must_give_one_number_an_item():
    with pytest.raises(InputError, match=r"a function of 0 gave \(\) for 2 items"):
        read_units(of(nn.Sequential(nn.Conv2d(1, 2, 3))), images(), [Unit(layer="0", reader=torch.mean)])


# Weights and names.
@pytest.fixture
def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


@pytest.mark.parametrize("form", ["safetensors", "pth", "state_dict", "module", "old"])
def test_weights_are_read_from_files(tmp_path, network, form):
    state = network.state_dict()
    path = tmp_path / ("w.safetensors" if form == "safetensors" else "w.pth")
    if form == "safetensors":
        safetensors.torch.save_file(state, path)
    elif form == "state_dict":
        torch.save({"epoch": 3, "state_dict": state}, path)
    elif form == "module":
        torch.save({f"module.{name}": value for name, value in state.items()}, path)
    else:
        torch.save({n: v for n, v in state.items() if form == "pth" or "num_batches" not in n}, path)
    fresh = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    load_into(fresh, read_weights(path), path.name)
    for name, value in state.items():
        assert torch.equal(value, fresh.state_dict()[name])


def test_damaged_and_hostile_weights_are_refused_unopened(tmp_path, network):
    marker = tmp_path / "executed"

    class Hostile:
        def __reduce__(self):
            return (open, (str(marker), "w"))

    (tmp_path / "hostile.pth").write_bytes(pickle.dumps({"0.weight": Hostile()}))
    torch.save({"state_dict": Hostile()}, tmp_path / "zipped.pth")
    torch.save(network, tmp_path / "module.pth")
    torch.save({"a": 1}, tmp_path / "number.pth")
    torch.save(network.state_dict(), tmp_path / "short.pth")
    (tmp_path / "short.pth").write_bytes((tmp_path / "short.pth").read_bytes()[:700])
    (tmp_path / "short.safetensors").write_bytes(b"\xff" * 20)
    (tmp_path / "text.safetensors").write_text("weights")
    (tmp_path / "weights.bin").write_text("weights")
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(InputError, match=path.name) as raised:
            read_weights(path)
        assert "\n" not in str(raised.value)
    assert not marker.exists()
    with pytest.raises(InputError, match="no weights file at"):
        read_weights(tmp_path / "nothing.pth")


def test_weights_that_do_not_fit_say_what_does_not(network):
    state = network.state_dict()
    with pytest.raises(
        InputError, match=r"w does not fit the model: it lacks '0.bias' \(1 in all\) and has 'x' too many"
    ):
        load_into(network, {n: v for n, v in state.items() if n != "0.bias"} | {"x": torch.zeros(1)}, "w")
    with pytest.raises(InputError, match=r"'0.bias' is \(3,\), the model expects \(2,\)"):
        load_into(network, state | {"0.bias": torch.zeros(3)}, "w")
    with pytest.raises(InputError, match=r"w is damaged: '0.bias' holds NaN"):
        load_into(network, state | {"0.bias": torch.full((2,), torch.nan)}, "w")


@pytest.mark.parametrize("name", ["mobilenet_v3_small", "timm:test_resnet", "test_vit", "torchvision:squeezenet1_1"])
def test_networks_by_name_with_random_weights_are_the_same_every_time(name):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    with pytest.warns(UserWarning, match=f"{name} has RANDOM weights"):
        one = load_model(name, weights="random")
    assert torch.equal(torch.rand(1), expected)  # the user's own draws go on as if nothing had been drawn
    with pytest.warns(UserWarning, match="RANDOM"):
        two = load_model(name, weights="random")
    assert one.weights_sha256 == two.weights_sha256
    assert one.name == name
    layer = list(one.layers)[3]
    read = one.activations(torch.rand(1, *one.input.shape), [layer])[layer]
    assert tuple(read.shape[1:]) == one.layers[layer]


def test_a_weights_file_for_a_network_by_name(tmp_path):
    state = {name: value + 0 for name, value in timm.create_model("test_resnet").state_dict().items()}
    safetensors.torch.save_file(state, tmp_path / "mine.safetensors")
    observer = load_model("test_resnet", weights=tmp_path / "mine.safetensors", size=(48, 40))
    assert observer.weights == "mine.safetensors"
    assert observer.input.size == (48, 40)
    assert all(torch.equal(value, state[name]) for name, value in observer.module.state_dict().items())
    with pytest.raises(InputError, match=r"mine.safetensors does not fit the model"):
        load_model("mobilenet_v3_small", weights=tmp_path / "mine.safetensors")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("efficientnet-lite", "did you mean .*'efficientnet-lite0'"),
        ("timm:swin_t", "no model is called 'timm:swin_t'"),
        ("keras:resnet18", "names the library 'keras': choose torchvision, timm or whisper"),
    ],
)
def test_unknown_names(name, reason):
    with pytest.raises(InputError, match=reason):
        load_model(name, weights="random")
    assert len(model_names()["timm"]) > 500


@pytest.mark.parametrize(
    ("error", "library"),
    [
        (urllib.error.URLError("no network"), "torchvision"),
        (OSError("disk full"), "timm"),
        (RuntimeError("invalid hash value"), "torchvision"),
        (ConnectionError(""), "timm"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_download_that_fails_is_one_clear_error(monkeypatch, error, library):
    def fail(*_args, **_options):
        raise error

    monkeypatch.setattr(torchvision.models, "get_model", fail)
    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(InputError, match=r"weights of resnet18 could not be downloaded \(.+\): give a weights file"):
        load_model(f"{library}:resnet18")
    with pytest.raises(InputError, match="are on a hub: allow it with --allow-download"):
        load_model("resnet18", download=False)


def test_tags_of_timm_and_networks_without_trained_weights(monkeypatch):
    with pytest.warns(UserWarning, match="RANDOM"):
        assert load_model("test_resnet.r160_in1k", weights="random").layers
    with pytest.raises(InputError, match="timm has no test_resnet"):
        load_model("timm:test_resnet.nonsense")
