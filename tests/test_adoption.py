"""Modules that are taken over: what they compute stays what it was, and what cannot work is one sentence."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn import functional

from synthstim.errors import InputError
from synthstim.models import OUTPUT, ImageInput, Observer, SoundInput, Unit, read_units
from synthstim.objectives import drive, match
from synthstim.optimise import Stopping, Synthesiser
from synthstim.parametrise import Fourier, Pixels, Waveform

# Making TorchScript and quantised networks is deprecated, having them is not.
pytestmark = pytest.mark.filterwarnings("ignore:.*(torch.jit|torch.ao).*")
SHOWN = ImageInput(size=(12, 12), channels=2)


class Made(nn.Module):
    """A network of a function and the parts that it calls."""

    def __init__(self, compute, **parts):
        super().__init__()
        self.compute = compute
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, values):
        return self.compute(self, values)


def conv(channels: int = 2) -> nn.Conv2d:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Conv2d(channels, 4, 5)


def after_conv(compute) -> nn.Module:
    return Made(lambda net, values: compute(net.conv(values)), conv=conv())


def observe(module: nn.Module) -> Observer:
    return Observer(module, input=SHOWN, name="net")


def images(count: int = 3) -> torch.Tensor:
    return torch.rand(count, *SHOWN.shape, generator=torch.Generator().manual_seed(1))


def synthesised(observer: Observer, goal, parametrisation=None) -> list[float]:
    parametrisation = parametrisation or Pixels(observer.input.shape)
    stopping = Stopping(evaluations=3)
    return Synthesiser(observer, goal, parametrisation, seeds=[1], stopping=stopping, file_levels=None).result().scores


class Spectral(nn.Module):
    """Real parameters beside a complex filter."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(2, 1, 1))
        self.register_buffer("filter", torch.polar(torch.ones(12, 7), torch.arange(84.0).view(12, 7)))

    def forward(self, values):
        return torch.fft.irfft2(torch.fft.rfft2(values) * self.filter, s=(12, 12)) * self.gain


def scripted() -> nn.Module:
    return torch.jit.script(nn.Sequential(conv(), nn.ReLU()).eval())


KEPT = {
    "complex buffer": Spectral,
    "two precisions": lambda: Made(lambda net, x: net.late(net.conv(x).double()), conv=conv(), late=conv(4).double()),
    "writes into its input": lambda: Made(lambda net, x: net.conv(x.sub_(0.5).mul_(2)), conv=conv()),
    "spectral norm": lambda: nn.utils.parametrizations.spectral_norm(conv()),
    "weight norm": lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(conv()), nn.ReLU()),
    "norms of an item": lambda: nn.Sequential(conv(), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4)),
    "running statistics": lambda: nn.Sequential(conv(), nn.BatchNorm2d(4)),
    "keyword": lambda: Made(lambda net, x: net.relu(input=net.conv(input=x)), conv=conv(), relu=nn.ReLU()),
    "scripted": scripted,
    "frozen script": lambda: torch.jit.freeze(scripted()),
    "traced": lambda: torch.jit.trace(conv().eval(), images(1)),
    "script inside": lambda: nn.Sequential(conv(), torch.jit.script(nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3)))),
    "graph": lambda: torch.fx.symbolic_trace(nn.Sequential(conv(), nn.ReLU())),
    "parallel": lambda: nn.DataParallel(nn.Sequential(conv(), nn.ReLU()), device_ids=[]),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_a_network_answers_as_before_it_was_adopted(name):
    module = KEPT[name]().eval()
    shown = images()
    wanted = module(shown.clone()).detach()
    observer = observe(module)
    before = shown.clone()
    read = observer.activations(shown, [OUTPUT])[OUTPUT]
    torch.testing.assert_close(read, wanted)
    assert torch.equal(shown, before)
    alone = torch.cat([observer.activations(image[None], [OUTPUT])[OUTPUT] for image in shown])
    torch.testing.assert_close(alone, wanted)
    for layer, shape in observer.layers.items():
        assert observer.activations(shown, [layer])[layer].shape == (3, *shape)


def test_a_sound_that_needs_no_resampling_is_not_written_into():
    ear = Made(lambda net, x: net.conv(x.mul_(2)[:, None]), conv=nn.Conv1d(1, 3, 8))
    observer = Observer(ear, input=SoundInput(rate=8000, samples=100, network_rate=8000))
    sounds = torch.rand(2, 100)
    before = sounds.clone()
    observer.activations(sounds, ["conv"])
    assert torch.equal(sounds, before)


def test_moving_keeps_complex_numbers_and_what_was_moved_alone():
    observer = observe(Spectral()).to(dtype=torch.float64)
    assert observer.module.filter.dtype == torch.complex128
    assert observer.dtype == observer.network_dtype == torch.float64
    assert observer.activations(images().double(), [OUTPUT])[OUTPUT].dtype == torch.float64
    with pytest.raises(InputError, match="Spectral holds complex numbers, which bfloat16 cannot hold: choose float32"):
        observer.to(dtype=torch.bfloat16)


def test_what_computes_compiled_or_in_parallel_is_taken_out_of_its_wrapper():
    inner = nn.Sequential(conv(), nn.ReLU())
    for wrapped in (torch.compile(inner), nn.DataParallel(inner, device_ids=[])):
        assert observe(wrapped).module is inner
        assert list(observe(wrapped).layers) == ["0", "1", OUTPUT]


# Networks that do not answer each stimulus for itself.


class Training(nn.BatchNorm2d):
    """Stays in training mode, whatever it is told."""

    def train(self, mode=True):
        return super().train(True)


BESIDE = "net answers a stimulus by what is beside it in a batch{}: normalise each stimulus by itself"
AGAIN = "net answers the same stimulus differently the next time{}: switch off what is random"
UNSTEADY = {
    "no running statistics": (lambda: nn.Sequential(conv(), nn.BatchNorm2d(4, track_running_stats=False)), BESIDE.format(", from its layer '1' on")),
    "training mode": (lambda: nn.Sequential(conv(), Training(4)), BESIDE.format(", from its layer '1' on")),
    "softmax over the batch": (lambda: after_conv(lambda x: x.flatten(1).softmax(0)), BESIDE.format("")),
    "largest of the batch": (lambda: after_conv(lambda x: x / x.abs().max()), BESIDE.format("")),
    "a little of the mean": (lambda: after_conv(lambda x: x + 0.05 * x.mean(0)), BESIDE.format("")),
    "the one before": (lambda: after_conv(lambda x: x - x.roll(1, 0)), BESIDE.format("")),
    "statistics of vectors": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(288, 4), nn.BatchNorm1d(4, track_running_stats=False)), r"net runs on a batch and not on one stimulus alone \(.+\): normalise each"),
    "dropout as a function": (lambda: after_conv(functional.dropout), AGAIN.format("")),
    "noise": (lambda: Made(lambda net, x: net.late(net.conv(x) + torch.randn(())), conv=conv(), late=nn.Identity()), AGAIN.format(", from its layer 'late' on")),
    "a state": (lambda: Made(lambda net, x: net.conv(x) + net.step.add_(1), conv=conv(), step=nn.Parameter(torch.zeros(1))), AGAIN.format("")),
    "one at a time": (lambda: after_conv(lambda x: x.view(1, 4, 8, 8)), "net runs on one stimulus and not on two at once"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNSTEADY)
def test_a_network_must_answer_each_stimulus_for_itself(name):
    make, reason = UNSTEADY[name]
    with pytest.raises(InputError, match=f"^{reason}"):
        Synthesiser(observe(make()), drive(Unit(layer=OUTPUT, indices=(0,))), Pixels(SHOWN.shape), seeds=[1])


def test_looking_a_network_over_leaves_its_buffers_and_the_users_random_numbers():
    module = nn.Sequential(conv(), Training(4), nn.Dropout())
    before = copy.deepcopy(module.state_dict())
    torch.manual_seed(3)
    wanted = torch.rand(2)
    torch.manual_seed(3)
    with pytest.raises(InputError, match="beside it in a batch"):
        _ = observe(module).layers
    assert torch.equal(torch.rand(2), wanted)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


# What cannot be read, and what stands beside it.


def mixed() -> nn.Module:
    parts = dict(
        attention=nn.MultiheadAttention(12, 2, batch_first=True), norm=nn.LayerNorm(12), table=nn.Identity(),
        lstm=nn.LSTM(12, 4), nothing=nn.Identity(), spectrum=nn.Identity(), blocks=nn.ModuleList([nn.ReLU(), nn.ReLU()]),
        unused=nn.ReLU(), script=torch.jit.script(nn.Sequential(nn.ReLU())), total=nn.Identity(),
    )  # fmt: skip

    def compute(net, values):
        rows = values[:, 0]
        rows = net.norm(net.attention(rows, rows, rows)[0])
        net.table({"rows": rows})
        net.lstm(rows.transpose(0, 1))
        net.nothing(None)
        net.spectrum(torch.fft.rfft(rows))
        net.total(rows.sum())
        for block in net.blocks:
            rows = block(rows)
        return {"first": net.script(rows)}

    net = Made(compute, **parts)
    net.again = net.norm
    return net


UNREAD = {
    "attention": "layer 'attention' of net outputs a tuple of 2, not one tensor: choose 'norm', which comes next",
    "attention.out_proj": "net has a part 'attention.out_proj' that never runs as a layer: choose 'norm', which comes next",
    "table": "layer 'table' of net outputs a dict with 'rows', not one tensor: choose 'blocks.0'",
    "lstm": "layer 'lstm' of net outputs a tuple of 2",
    "nothing": "layer 'nothing' of net outputs nothing, not one tensor",
    "spectrum": "layer 'spectrum' of net outputs complex numbers; units and matches are of real ones",
    "total": "layer 'total' of net outputs a single number for all stimuli",
    "blocks": "net has a part 'blocks' that never runs as a layer: choose a layer inside it, such as 'blocks.1'",
    "unused": "net has a part 'unused' that never runs as a layer: known are",
    "script.0": "net has a part 'script.0' that is inside TorchScript, which hides its parts",
    "again": "net has no layer 'again': it is the same part as 'norm', choose that",
    OUTPUT: "layer 'output' of net outputs a dict with 'first', not one tensor: choose a layer before it, such as 'blocks.1'",
    "blocks.7": "net has no layer 'blocks.7': did you mean 'blocks.1'",
}


@pytest.mark.parametrize("layer", UNREAD)
def test_a_part_that_cannot_be_read_says_why_and_what_can(layer):
    with pytest.raises(InputError, match=f"^{UNREAD[layer]}"):
        observe(mixed()).activations(images(), [layer])


def test_rows_that_are_not_stimuli_are_not_layers():
    def windows(net, values):
        return net.whole(net.inside(values.unfold(3, 6, 6).permute(0, 3, 1, 2, 4).flatten(0, 1)).unflatten(0, (-1, 2)))

    observer = observe(Made(windows, inside=nn.ReLU(), whole=nn.Identity()))
    assert list(observer.layers) == ["whole", OUTPUT]
    with pytest.raises(
        InputError, match=r"outputs 2 x 2 x 12 x 6 for one stimulus and 4 x 2 x 12 x 6 for two: its first"
    ):
        observer.require(["inside"])


def test_a_network_of_which_nothing_can_be_read_says_so():
    with pytest.raises(InputError, match="no layer of net can be read: it outputs nothing"):
        _ = observe(Made(lambda net, values: None)).layers


NO_NETWORK = {
    "function": (lambda: torch.relu, "needs a torch.nn.Module, builtin_function_or_method given: make one of it"),
    "class": (lambda: nn.ReLU, "needs a torch.nn.Module, the class ReLU given: make one of it"),
    "lazy": (lambda: nn.Sequential(nn.LazyConv2d(4, 3)), "0.weight of Sequential has no values yet: run it once"),
    "meta": (lambda: nn.Conv2d(2, 4, 3, device="meta"), "weight of Conv2d has no values yet"),
}


@pytest.mark.parametrize("name", NO_NETWORK)
def test_what_is_no_network_or_has_no_weights(name):
    make, reason = NO_NETWORK[name]
    with pytest.raises(InputError, match=reason):
        observe(make())


# Gradients and precision.
@torch.no_grad()
def _under_no_grad(net, values):
    return net.conv(values)


@torch.inference_mode()
def _under_inference_mode(net, values):
    return net.conv(values)


NO_GRADIENT = {
    "no_grad": lambda: Made(_under_no_grad, conv=conv()),
    "inference_mode": lambda: Made(_under_inference_mode, conv=conv()),
    "detach": lambda: after_conv(lambda x: x.detach()),
    "data": lambda: Made(lambda net, x: net.conv(x.data), conv=conv()),
    "argmax": lambda: after_conv(lambda x: x.argmax(1)),
    "numpy": lambda: after_conv(lambda x: torch.from_numpy(x.numpy() * 2)),
    "in place": lambda: after_conv(lambda x: x.exp().mul_(2)),
}


@pytest.mark.parametrize("goal", ["drive", "match"])
@pytest.mark.parametrize("name", NO_GRADIENT)
def test_a_network_without_gradient_says_so_before_synthesis(name, goal):
    observer = observe(NO_GRADIENT[name]())
    made = drive(Unit(layer=OUTPUT, indices=(0,))) if goal == "drive" else match(images(1), [OUTPUT])
    with pytest.raises(
        InputError, match=r"no gradient comes through layer 'output' of net \(.+\): choose an earlier one"
    ):
        Synthesiser(observer, made, Pixels(SHOWN.shape), seeds=[1])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("parametrisation", [Fourier, Pixels])
def test_networks_in_half_precision_are_synthesised_on_in_single(dtype, parametrisation):
    observer = observe(conv()).to(dtype=dtype)
    assert (observer.network_dtype, observer.dtype) == (dtype, torch.float32)
    (score,) = synthesised(observer, drive(Unit(layer=OUTPUT, channel=1)), parametrisation(SHOWN.shape))
    assert score > -10
    (decibels,) = synthesised(observer, match(images(1), [OUTPUT]), parametrisation(SHOWN.shape))
    assert decibels > 0


def test_layers_of_complex_numbers_are_refused_for_every_goal():
    ear = Made(lambda net, x: net.stft(torch.stft(x, 64, 32, window=net.window, return_complex=True)).abs(), stft=nn.Identity(), window=nn.Parameter(torch.hann_window(64)))  # fmt: skip
    observer = Observer(ear, input=SoundInput(rate=8000, samples=800, network_rate=8000), name="ear")
    for goal in (drive(Unit(layer="stft", channel=3)), match(0.1 * torch.rand(1, 800), ["stft"])):
        with pytest.raises(InputError, match="'stft' of ear outputs complex numbers"):
            synthesised(observer, goal, Waveform(observer.input))
    assert synthesised(observer, match(0.1 * torch.rand(1, 800), [OUTPUT]), Waveform(observer.input))[0] > 0


# Checksums.
def quantised(seed: int) -> nn.Module:
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Flatten(), nn.Linear(288, 4))
        return torch.ao.quantization.quantize_dynamic(net, {nn.Linear}, dtype=torch.qint8)


def of_seed(seed: int, finish=lambda net: net) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return finish(nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten()).eval())


SUMMED = {
    "quantised": quantised,
    "bfloat16": lambda seed: of_seed(seed, lambda net: net.bfloat16()),
    "script": lambda seed: of_seed(seed, torch.jit.script),
    "frozen script": lambda seed: of_seed(seed, lambda net: torch.jit.freeze(torch.jit.script(net))),
    "trace": lambda seed: of_seed(seed, lambda net: torch.jit.trace(net, images(1))),
}


@pytest.mark.parametrize("name", SUMMED)
def test_checksums_tell_weights_apart_however_they_are_kept(name):
    one, same, other = (observe(SUMMED[name](seed)).weights_sha256 for seed in (0, 0, 1))
    assert one == same != other
    assert len(one) == 64


def test_quantised_layers_are_read_as_plain_numbers():
    class Whole(nn.Module):
        def forward(self, values):
            return torch.quantize_per_tensor(values, 0.1, 0, torch.qint8)

    observer = observe(nn.Sequential(conv(), Whole()))
    values = read_units(observer, images(), [Unit(layer="1", channel=0)])
    assert values.dtype == torch.float32
    assert torch.equal(values, (values * 10).round() / 10)
