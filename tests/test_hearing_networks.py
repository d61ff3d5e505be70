"""CochCNN9 and the network of Kell et al. 2018: sizes, padding and order as published, and their checkpoints."""

import math
from collections import OrderedDict

import dill
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from synthstim.errors import InputError
from synthstim.modalities.sound import SoundInput
from synthstim.models.capture import read_layers
from synthstim.models.checkpoints import convert_checkpoint
from synthstim.models.hearing import cochcnn9, feather2023, kell2018
from synthstim.models.hearing.erb import ErbBands, filter_bank
from synthstim.models.hearing.same_padding import SameAvgPool2d, SameConv2d, SameMaxPool2d, same_padding
from synthstim.models.observer import Observer
from synthstim.models.survey import survey
from synthstim.models.weights import load_into, read_weights

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def coch():
    torch.manual_seed(0)
    network = cochcnn9.network(40_000, trained=False).eval().requires_grad_(False)
    for norm in (network.batchnorm0, network.batchnorm1, network.batchnorm2):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2)
    return network


@pytest.fixture(scope="module")
def kell():
    torch.manual_seed(1)
    return kell2018.network(32_000, trained=False).eval().requires_grad_(False)


@pytest.fixture
def large_files(tmp_path):
    """A folder that is emptied at once: what pytest keeps of it would be gigabytes."""
    yield tmp_path
    for path in tmp_path.iterdir():
        path.unlink()


def sounds(samples, items=1, seed=0):
    return 0.1 * torch.randn(items, samples, generator=torch.Generator().manual_seed(seed))


# SAME padding, against its definition element by element


def windows(values, kernel, stride):
    """The window under each output of TensorFlow's SAME rule, None where it lies outside."""
    size = len(values)
    count = math.ceil(size / stride)
    total = max((count - 1) * stride + kernel - size, 0)
    starts = [stride * number - total // 2 for number in range(count)]
    return [[values[place] if 0 <= place < size else None for place in range(s, s + kernel)] for s in starts]


@pytest.mark.parametrize("size", [1, 2, 7, 9, 17, 66, 211])
@pytest.mark.parametrize(
    ("kernel", "stride"), [(7, 3), (14, 3), (2, 2), (5, 2), (4, 2), (8, 2), (2, 1), (5, 1), (3, 2), (1, 1)]
)
def test_same_padding_is_tensorflows(size, kernel, stride):
    values = torch.randn(size, generator=torch.Generator().manual_seed(size), dtype=torch.float64)
    under = windows(values.tolist(), kernel, stride)
    picture = values.view(1, 1, 1, size)
    weights = torch.arange(1.0, kernel + 1, dtype=torch.float64)

    conv = SameConv2d(1, 1, (1, kernel), stride).double()
    conv.weight.data = weights.view(1, 1, 1, kernel)
    wanted = [sum(float(w) * v for w, v in zip(weights, window, strict=True) if v is not None) for window in under]
    assert torch.allclose(conv(picture).flatten(), torch.tensor(wanted, dtype=torch.float64))

    inside = [[v for v in window if v is not None] for window in under]
    got = SameMaxPool2d((1, kernel), stride)(picture)
    assert got.flatten().tolist() == [max(window) for window in inside]
    for counted in (False, True):
        means = [sum(window) / (kernel if counted else len(window)) for window in inside]
        got = SameAvgPool2d((1, kernel), stride, count_padding=counted)(picture)
        assert torch.allclose(got.flatten(), torch.tensor(means, dtype=torch.float64))


def test_the_extra_element_of_same_padding_comes_after():
    assert same_padding(390, 14, 3) == (5, 6)
    assert same_padding(9, 2, 1) == (0, 1)
    assert same_padding(256, 9, 3) == (4, 4)
    assert same_padding(86, 3, 2) == (0, 1)


# CochCNN9


def test_cochcnn9_has_the_published_sizes(coch):
    shapes = survey(coch, torch.rand(2, 40_000)).shapes
    assert {stage: shapes[stage] for stage in cochcnn9.STAGES} == {
        "cochleagram": (211, 390),
        "relu0": (96, 71, 130),
        "relu1": (256, 18, 33),
        "relu2": (512, 9, 17),
        "relu3": (1024, 9, 17),
        "relu4": (512, 9, 17),
        "avgpool": (512, 5, 9),
        "relufc": (4096,),
        "final": (794,),
    }
    order = [name for name in shapes if name in cochcnn9.STAGES]
    assert order == list(cochcnn9.STAGES)
    convs = 96 * 7 * 14 + 256 * 96 * 4 * 8 + (512 * 256 + 1024 * 512 + 512 * 1024) * 2 * 5
    norms, full = 2 * (1 + 96 + 256), (23_040 + 1) * 4096 + (4096 + 1) * 794
    assert sum(p.numel() for p in coch.parameters()) == convs + norms + full == 110_221_980


def same_pad(x, kernel, stride, value=0.0):
    pads = []
    for size, k, s in zip(reversed(x.shape[-2:]), reversed(kernel), reversed(stride), strict=True):
        total = max((math.ceil(size / s) - 1) * s + k - size, 0)
        pads += [total // 2, total - total // 2]
    return functional.pad(x, pads, value=value)


def test_cochcnn9_computes_what_was_published(coch):
    """The published forward pass, written out with functions."""
    state = coch.state_dict()
    x = coch.cochleagram(sounds(40_000))[:, None]

    def norm(x, name):
        mean, var, gain, bias = (
            state[f"{name}.{k}"].view(1, -1, 1, 1) for k in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * gain + bias

    def conv(x, name, stride):
        weight = state[f"{name}.weight"]
        return functional.conv2d(same_pad(x, weight.shape[-2:], stride), weight, stride=stride).clamp(min=0)

    x = conv(norm(x, "batchnorm0"), "conv0", (3, 3))
    x = functional.max_pool2d(same_pad(x, (2, 5), (2, 2), -torch.inf), (2, 5), 2)
    x = conv(norm(x, "batchnorm1"), "conv1", (2, 2))
    x = functional.max_pool2d(same_pad(x, (2, 5), (2, 2), -torch.inf), (2, 5), 2)
    x = norm(x, "batchnorm2")
    for name in ("conv2", "conv3", "conv4"):
        x = conv(x, name, (1, 1))
    x = functional.avg_pool2d(same_pad(x, (2, 5), (2, 2)), (2, 5), 2)
    x = (x.flatten(1) @ state["fullyconnected.weight"].T + state["fullyconnected.bias"]).clamp(min=0)
    wanted = x @ state["final.weight"].T + state["final.bias"]
    assert torch.allclose(coch(sounds(40_000)), wanted, rtol=1e-4, atol=1e-5)


def test_dropout_is_inert_in_an_observer(coch):
    coch.train()
    observer = Observer(coch, input=SoundInput.lasting(2.0, network_rate=cochcnn9.RATE))
    stimuli = sounds(96_000)
    first, second = (observer.activations(stimuli, ["relufc", "dropout", "final"]) for _ in range(2))
    assert torch.equal(first["dropout"], first["relufc"])
    assert torch.equal(first["final"], second["final"])


@pytest.mark.parametrize("which", ["coch", "kell"])
def test_items_are_independent_gradients_flow_and_silence_is_finite(request, which):
    network = request.getfixturevalue(which)
    samples, layer = {"coch": (40_000, "final"), "kell": (32_000, "word.logits")}[which]
    batch = torch.cat([sounds(samples, 2), torch.zeros(1, samples)]).requires_grad_()
    together = read_layers(network, batch, [layer])[layer]
    together.square().sum().backward()
    assert together.isfinite().all()
    assert batch.grad.isfinite().all()
    assert (batch.grad[:2].abs().amax(1) > 0).all()
    alone = read_layers(network, batch[1:2].detach(), [layer])[layer]
    assert torch.allclose(together[1:2], alone, rtol=1e-4, atol=1e-4 * float(alone.abs().max()))


@pytest.mark.parametrize(("file", "samples"), [(cochcnn9, 40_000), (kell2018, 32_000)])
def test_what_is_missing_is_said(file, samples):
    with pytest.raises(
        InputError, match=rf"hears exactly 2 s \({samples} samples at {file.RATE} Hz\), .* given: cut or pad"
    ):
        file.network(samples - 1, trained=False)
    with pytest.raises(InputError, match="not carried: give a weights file"):
        file.network(samples)


# Kell et al. 2018


def test_kells_network_has_the_published_sizes(kell):
    shapes = survey(kell, torch.rand(2, 32_000)).shapes
    shared = {"cochleagram": (256, 256), "relu1": (96, 86, 86), "pool1": (96, 43, 43), "relu2": (256, 22, 22)}
    shared |= {"pool2": (256, 11, 11), "relu3": (512, 11, 11)}
    branch = {"relu4": (1024, 11, 11), "relu5": (512, 11, 11), "pool5": (512, 6, 6), "relu6": (1024,)}
    wanted = shared | {f"word.{k}": v for k, v in (branch | {"logits": (589,)}).items()}
    wanted |= {f"music.{k}": v for k, v in (branch | {"logits": (43,)}).items()}
    assert {stage: shapes[stage] for stage in kell2018.STAGES} == wanted
    convs = [(9, 1, 96), (5, 96, 256), (3, 256, 512), *[(3, 512, 1024), (3, 1024, 512)] * 2]
    full = [(6 * 6 * 512, 1024), (1024, 589), (6 * 6 * 512, 1024), (1024, 43)]
    count = sum(k * k * i * o + o for k, i, o in convs) + sum(i * o + o for i, o in full)
    assert sum(p.numel() for p in kell.parameters()) == count == 59_078_712


def test_local_response_normalisation_is_tensorflows(kell):
    x = 100 * torch.rand(2, 96, 5, 4, generator=torch.Generator().manual_seed(0))
    squares = torch.stack([x[:, max(c - 2, 0) : c + 3].square().sum(1) for c in range(96)], 1)
    wanted = x / (1 + 1e-3 * squares) ** 0.75
    assert torch.allclose(kell.norm1(x), wanted, rtol=1e-5)
    assert torch.allclose(kell.norm2(x), wanted, rtol=1e-5)


def tensorflow_weights(kell, generator):
    """Random weights in the published layout: dicts of arrays (height, width, in, out) and (in, out)."""
    sizes = {"conv1": (9, 9, 1, 96), "conv2": (5, 5, 96, 256), "conv3": (3, 3, 256, 512)}
    for task, classes in (("W", 589), ("G", 43)):
        sizes |= {f"conv4_{task}": (3, 3, 512, 1024), f"conv5_{task}": (3, 3, 1024, 512)}
        sizes |= {f"fc6_{task}": (6 * 6 * 512, 1024), f"fctop_{task}": (1024, classes)}
    parts = {}
    for name, size in sizes.items():
        scale = 1 / math.sqrt(math.prod(size[:-1]))
        weights = generator.standard_normal(size, dtype=np.float32) * np.float32(scale)
        parts[name] = {"W": weights, "b": 0.1 * generator.standard_normal(size[-1], dtype=np.float32)}
    return parts


def as_tensorflow_runs(parts, picture, task):
    """The published graph, channels last: (y, x) -> logits."""

    def conv(x, name, stride):
        weight = torch.from_numpy(parts[name]["W"]).permute(3, 2, 0, 1)
        padded = same_pad(x.permute(0, 3, 1, 2), weight.shape[-2:], (stride, stride))
        return (
            functional.conv2d(padded, weight, stride=stride).permute(0, 2, 3, 1) + torch.from_numpy(parts[name]["b"])
        ).clamp(min=0)

    def lrn(x):
        squares = torch.stack([x[..., max(c - 2, 0) : c + 3].square().sum(-1) for c in range(x.shape[-1])], -1)
        return x / (1 + 1e-3 * squares) ** 0.75

    def pool(x, value, reduce):
        padded = same_pad(x.permute(0, 3, 1, 2), (3, 3), (2, 2), value)
        return reduce(padded.unfold(2, 3, 2).unfold(3, 3, 2).flatten(-2)).permute(0, 2, 3, 1)

    x = picture[None, :, :, None]
    x = pool(lrn(conv(x, "conv1", 3)), -torch.inf, lambda w: w.amax(-1))
    x = pool(lrn(conv(x, "conv2", 2)), -torch.inf, lambda w: w.amax(-1))
    x = conv(conv(conv(x, "conv3", 1), f"conv4_{task}", 1), f"conv5_{task}", 1)
    x = pool(x, torch.nan, lambda w: w.nanmean(-1)).flatten()
    x = (x @ torch.from_numpy(parts[f"fc6_{task}"]["W"]) + torch.from_numpy(parts[f"fc6_{task}"]["b"])).clamp(min=0)
    return x @ torch.from_numpy(parts[f"fctop_{task}"]["W"]) + torch.from_numpy(parts[f"fctop_{task}"]["b"])


def test_kells_published_files_give_what_tensorflow_computed(kell, large_files):
    parts = tensorflow_weights(kell, np.random.default_rng(0))
    files = {
        "early_layers": ["conv1", "conv2", "conv3"],
        "word_branch": [name for name in parts if name.endswith("_W")],
        "genre_branch": [name for name in parts if name.endswith("_G")],
    }
    paths = [large_files / f"network_weights_{name}.npy" for name in files]
    for path, names in zip(paths, files.values(), strict=True):
        np.save(path, {name: parts[name] for name in names}, allow_pickle=True)
    done = convert_checkpoint(paths, large_files / "kell2018.safetensors")
    assert done.left_out == ()
    load_into(kell, kell2018.published_state(read_weights(done.path)), "kell2018")
    picture = 255 * torch.rand(256, 256, generator=torch.Generator().manual_seed(0))
    logits = kell.recognise(picture[None])
    for task, name in (("W", "word"), ("G", "music")):
        wanted = as_tensorflow_runs(parts, picture, task)
        assert torch.allclose(logits[name][0], wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max()))
    # And weights saved under this network's own names are as good.
    assert kell2018.published_state(kell.state_dict()).keys() == kell.state_dict().keys()


def test_reading_the_word_branch_never_computes_the_music_branch(kell):
    calls = []
    hooks = [part.register_forward_pre_hook(lambda *_, n=name: calls.append(n)) for name, part in kell.named_modules()]
    read_layers(kell, sounds(32_000), ["word.relu4"])
    assert "word.conv4" in calls
    assert not any(name.startswith("music") for name in calls)
    assert "word.conv5" not in calls
    calls.clear()
    read_layers(kell, sounds(32_000), ["music.logits"])
    assert "music.logits" in calls
    for hook in hooks:
        hook.remove()


def test_kells_decision_is_that_of_the_branch_matched(kell):
    observer = Observer(
        kell,
        input=SoundInput.lasting(2.0, network_rate=kell2018.RATE),
        decision=kell2018.decide,
        stages=kell2018.STAGES,
    )
    stimuli = sounds(96_000, 2)
    logits = kell(observer.preprocess(stimuli))
    words, genres = (logits[task].argmax(1).tolist() for task in ("word", "music"))
    assert kell2018.decide(observer, stimuli, ["word.relu4"]) == words
    assert kell2018.decide(observer, stimuli, ["music.relu4"]) == genres
    both = list(zip(words, genres, strict=True))
    for layers in ([], ["relu1"], ["relu1", "word.relu4"], ["word.relu4", "music.relu4"]):
        assert kell2018.decide(observer, stimuli, layers) == both


# The layout of the checkpoints of Feather et al. 2023


def published(state, kind, *, front=()):
    """A published state dict: the wrapper's names, both copies, the front end and the normalisation of waveforms."""
    own = {name.replace("final.", "classification."): value for name, value in state.items()}
    wrapped = {"alone": "", "preprocessed": "model.", "sequential": "model.1."}[kind]
    full_rep = {"preprocessed": "preproc.audio_preproc.", "sequential": "model.0.", "alone": "0."}[kind]
    names = {f"{wrapped}{name}": value for name, value in own.items()}
    names |= {f"{full_rep}full_rep.rep.{name}": value for name, value in front}
    names |= {"preproc.normalize.new_mean": torch.zeros(1, 1, 1), "preproc.normalize.new_std": torch.ones(1, 1, 1)}
    return names | {f"attacker.{name}": value for name, value in names.items()}


def front_end():
    filters = filter_bank(ErbBands(), samples=40_000, rate=20_000).responses
    return {
        "downsampling_op.downsample_filter": torch.ones(1, 1, 1001),
        "Cochleagram.compute_subbands.coch_filters": torch.stack([filters, torch.zeros_like(filters)], -1),
    }


@pytest.mark.parametrize("module", ["", "module."])
@pytest.mark.parametrize("kind", ["alone", "preprocessed", "sequential"])
def test_published_names_become_this_networks(coch, kind, module):
    state = {name: torch.full((1,), float(number)) for number, name in enumerate(coch.state_dict())}
    given = published(state, kind, front=front_end().items())
    found = cochcnn9.published_state({f"{module}{name}": value for name, value in given.items()})
    assert {name: float(value) for name, value in found.items()} == {
        name: float(value) for name, value in state.items()
    }
    assert cochcnn9.published_state(state) == state


def test_readouts_of_other_tasks_are_left_out(coch):
    state = {name.replace("final.", "classification.signal/word_int."): torch.ones(1) for name in coch.state_dict()}
    state |= {
        f"classification.{task}.weight": torch.ones(1) for task in ("signal/speaker_int", "noise/labels_binary_via_int")
    }
    assert cochcnn9.published_state(state).keys() == coch.state_dict().keys()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        (
            "Cochleagram.compute_subbands.coch_filters",
            torch.zeros(211, 20_001, 2),
            r"cochlear filters \(211, 20001, 2\)",
        ),
        ("Cochleagram.compute_subbands.coch_filters", torch.zeros(40, 100, 2), r"cochlear filters \(40, 100, 2\)"),
        ("downsampling_op.downsample_filter", torch.zeros(1, 1, 21), "a downsampling filter of 21 taps"),
    ],
)
def test_a_checkpoint_with_another_front_end_is_refused(coch, name, value, reason):
    state = published({name: torch.ones(1) for name in coch.state_dict()}, "sequential", front=[(name, value)])
    with pytest.raises(InputError, match=f"front end has {reason}; expected the cochleagram of Feather et al. 2023"):
        cochcnn9.published_state(state)


def test_what_a_published_network_has_too_many_is_said(coch):
    state = published({name: torch.ones(1) for name in coch.state_dict()}, "sequential")
    found = cochcnn9.published_state(state | {"model.1.conv5.weight": torch.ones(1), "model.2.extra": torch.ones(1)})
    assert found.keys() - coch.state_dict().keys() == {"conv5.weight", "model.2.extra"}
    with pytest.raises(InputError, match="too many"):
        load_into(coch, found, "x.pt")


@pytest.mark.slow
def test_a_whole_published_checkpoint_loads(coch, large_files):
    """The real size, 440 MB, as the training code writes it, through the converter into a fresh network."""
    state = published(coch.state_dict(), "sequential", front=front_end().items())
    content = {
        "model": OrderedDict((f"module.{name}", value) for name, value in state.items()),
        "optimizer": torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1).state_dict(),
        "schedule": {"lr_lambdas": [lambda epoch: 0.1**epoch]},
        "epoch": 150,
    }
    torch.save(content, large_files / "kell2018_wsn_word.pt", pickle_module=dill)
    done = convert_checkpoint(large_files / "kell2018_wsn_word.pt", large_files / "cochcnn9.safetensors")
    fresh = cochcnn9.network(40_000, trained=False).eval().requires_grad_(False)
    x = sounds(40_000)
    assert not torch.allclose(fresh(x), coch(x))
    load_into(fresh, cochcnn9.published_state(read_weights(done.path)), done.path.name)
    assert torch.equal(fresh(x), coch(x))


def test_feather2023_agrees_with_its_cochleagram(coch):
    assert coch.cochleagram.shape == (feather2023.CHANNELS, feather2023.FRAMES)
