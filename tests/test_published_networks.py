"""Networks of papers by name, with a user's weights: AlexNet, VGG16, CORnet-S, VOneNets and robust networks, each against its published layout."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import dill
import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, batch_norm, conv2d, linear, max_pool2d
from typer.testing import CliRunner

from synthstim import InputError, load_model
from synthstim.cli import app
from synthstim.models.checkpoints import convert_checkpoint
from synthstim.models.seeing.cornet_s import CORnetS
from synthstim.models.seeing.gabors import GaborCells, drawn, kernels
from synthstim.models.seeing.vonenet import VOneNet


def images(count: int = 2, side: int = 64) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def filled(network: torch.nn.Module) -> dict[str, Tensor]:
    """Weights unlike what any constructor draws, statistics of normalisation included."""
    generator = torch.Generator().manual_seed(1)
    state = network.state_dict()
    for name, values in state.items():
        if values.is_floating_point():
            drawn = torch.randn(values.shape, generator=generator) * (0.5 / max(1, values[0].numel()) ** 0.5)
            state[name] = drawn.abs() + 0.5 if name.endswith(("running_var", "norm.weight")) else drawn
    return state


def save_published(state: dict[str, Tensor], path: Path) -> None:
    torch.save({"state_dict": {f"module.{name}": values for name, values in state.items()}, "epoch": 70}, path)


@pytest.mark.filterwarnings("ignore:.*RANDOM weights")
@pytest.mark.parametrize("name", ["alexnet", "vgg16"])
def test_networks_of_torchvision_take_a_users_weights(name: str, tmp_path: Path) -> None:
    theirs = getattr(torchvision.models, name)(weights=None).eval()
    theirs.load_state_dict(filled(theirs))
    save_file(theirs.state_dict(), tmp_path / "mine.safetensors")
    observer = load_model(name, weights=tmp_path / "mine.safetensors", size=(64, 64))
    mean, std = (torch.tensor(one)[:, None, None] for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        wanted = theirs((images() - mean) / std)
        found = observer.activations(images(), ["output"])["output"]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def normal(state: dict[str, Tensor], name: str, values: Tensor) -> Tensor:
    mean, var, weight, bias = (state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return batch_norm(values, mean, var, weight, bias)


def cornet_s(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The published network, written from its description alone: weights by name, no modules."""
    x = normal(state, "V1.norm1", conv2d(x, state["V1.conv1.weight"], stride=2, padding=3)).clamp_min(0)
    x = max_pool2d(x, 3, 2, 1)
    x = normal(state, "V1.norm2", conv2d(x, state["V1.conv2.weight"], padding=1)).clamp_min(0)
    return from_v2(state, x)


def from_v2(state: dict[str, Tensor], x: Tensor) -> Tensor:
    for area, times in (("V2", 2), ("V4", 4), ("IT", 2)):
        x = conv2d(x, state[f"{area}.conv_input.weight"])
        for t in range(times):
            skip = (
                normal(state, f"{area}.norm_skip", conv2d(x, state[f"{area}.skip.weight"], stride=2)) if t == 0 else x
            )
            for number, stride, padding in ((1, 1, 0), (2, 2 if t == 0 else 1, 1), (3, 1, 0)):
                x = conv2d(x, state[f"{area}.conv{number}.weight"], stride=stride, padding=padding)
                x = normal(state, f"{area}.norm{number}_{t}", x)
                x = (x + skip if number == 3 else x).clamp_min(0)
    return linear(adaptive_avg_pool2d(x, 1).flatten(1), state["decoder.linear.weight"], state["decoder.linear.bias"])


def test_cornet_s_is_the_published_network(tmp_path: Path) -> None:
    network = CORnetS().eval()
    # 53.4 million in the paper.
    assert sum(one.numel() for one in network.parameters()) == 53_416_616
    state = filled(network)
    save_published(state, tmp_path / "cornet_s.pth")
    observer = load_model("cornet-s", weights=tmp_path / "cornet_s.pth", size=(64, 64))
    mean, std = (torch.tensor(one)[:, None, None] for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        found = observer.activations(images(), ["V4", "output"])
        wanted = cornet_s(state, (images() - mean) / std)
    assert tuple(found["V4"].shape) == (2, 256, 4, 4)
    torch.testing.assert_close(found["output"], wanted, rtol=1e-3, atol=1e-4)
    with pytest.raises(InputError, match="its authors' and are not carried: give a weights file"):
        load_model("cornet-s")


def resnet50(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """All but the first layer."""
    for layer, blocks in enumerate((3, 4, 6, 3), 1):
        for block in range(blocks):
            at, beside = f"layer{layer}.{block}", x
            stride = 2 if block == 0 and layer > 1 else 1
            if block == 0:
                down = conv2d(x, state[f"{at}.downsample.0.weight"], stride=stride)
                beside = normal(state, f"{at}.downsample.1", down)
            x = normal(state, f"{at}.bn1", conv2d(x, state[f"{at}.conv1.weight"])).clamp_min(0)
            x = conv2d(x, state[f"{at}.conv2.weight"], stride=stride, padding=1)
            x = normal(state, f"{at}.bn2", x).clamp_min(0)
            x = (normal(state, f"{at}.bn3", conv2d(x, state[f"{at}.conv3.weight"])) + beside).clamp_min(0)
    return linear(x.mean((2, 3)), state["fc.weight"], state["fc.bias"])


def alexnet(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """All but the first layer, of the published front end's coarser maps."""
    for place, stride, padding in ((0, 2, 2), (3, 1, 1), (5, 1, 1), (7, 1, 1)):
        kernel, bias = (state[f"features.{place}.{part}"] for part in ("weight", "bias"))
        x = conv2d(x, kernel, bias, stride=stride, padding=padding).clamp_min(0)
        x = max_pool2d(x, 3, 2, 1) if place in (0, 7) else x
    x = adaptive_avg_pool2d(x, 7).flatten(1)
    for place in (1, 4):
        x = linear(x, state[f"classifier.{place}.weight"], state[f"classifier.{place}.bias"]).clamp_min(0)
    return linear(x, state["classifier.6.weight"], state["classifier.6.bias"])


def vone_block(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The published front end without noise: 256 simple cells, then 256 complex ones."""
    even, odd = (conv2d(x, state[f"vone_block.simple_conv_q{one}.weight"], stride=4, padding=12) for one in (0, 1))
    energy = even[:, 256:] ** 2 + odd[:, 256:] ** 2
    return 25 * torch.cat((even[:, :256].clamp_min(0), (energy / 2).sqrt()), 1)


VONENETS = {"resnet50": resnet50, "alexnet": alexnet, "cornet-s": from_v2}


@pytest.mark.parametrize("behind", VONENETS)
def test_vonenets_are_the_published_networks(behind: str, tmp_path: Path) -> None:
    # Another bank than the one that is drawn: it is the checkpoint's that counts.
    state = filled(VOneNet(behind.replace("-", "")))
    # Those of adversarial training hold two weights more.
    unused = {f"vone_block.{name}.weight": torch.ones(1) for name in ("div_u", "div_t")}
    save_published(state | unused, tmp_path / "vone.pth.tar")
    observer = load_model(f"vonenet-{behind}", weights=tmp_path / "vone.pth.tar", size=(96, 96))
    (tmp_path / "vone.pth.tar").unlink()
    with torch.no_grad():
        found = observer.activations(images(side=96), ["vone_block", "output"])
        cells = vone_block(state, images(side=96) * 2 - 1)
        inner = {name.removeprefix("model."): value for name, value in state.items()}
        wanted = VONENETS[behind](inner, conv2d(cells, state["bottleneck.weight"]))
    torch.testing.assert_close(found["vone_block"], cells, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found["output"], wanted, rtol=1e-3, atol=1e-4)
    with pytest.raises(InputError, match="their authors' and are not carried: give a weights file"):
        load_model(f"vonenet-{behind}")


@pytest.mark.filterwarnings("ignore:.*RANDOM weights")
def test_cells_of_a_vonenet_have_a_gradient_on_grey() -> None:
    grey = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    cells = load_model("vonenet-cornet-s", weights="random", size=(64, 64)).activations(grey, ["vone_block"])
    assert torch.autograd.grad(cells["vone_block"].sum(), grey)[0].isfinite().all()


def test_gabors_are_drawn_from_the_published_histograms() -> None:
    cells = drawn(20_000, seed=1)
    counts = np.histogram((cells.orientation + 22.5) % 180, np.arange(0, 181, 45))[0] / 20_000
    # Five standard errors of a share of about a quarter.
    np.testing.assert_allclose(counts, np.array([66, 49, 77, 54]) / 246, atol=0.016)
    edges = [0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6, 8]
    counts = np.histogram(cells.frequency, edges)[0] / 20_000
    np.testing.assert_allclose(counts, np.array([4, 4, 8, 25, 32, 26, 28, 12]) / 139, atol=0.016)
    assert 0.6 < np.corrcoef(np.log(cells.frequency), np.log(cells.width))[0, 1] < 0.75
    # A grating at a cell's frequency and orientation drives its pair by half its envelope's integral of 1, whatever its phase.
    kept = GaborCells(*(np.array([value]) for value in (2.0, 30.0, 77.0, 0.6, 0.6)))
    pair = torch.cat([kernels(kept, 101, pixels_per_degree=28, shift=shift) for shift in (0, 90)])
    y, x = torch.meshgrid(*[torch.arange(101.0) - 50] * 2, indexing="ij")
    angle = torch.tensor(30.0).deg2rad()
    for phase in (0.0, 1.0, 2.0):
        grating = torch.cos(2 * torch.pi * 2 / 28 * (y * angle.cos() + x * angle.sin()) + phase)
        assert float((pair * grating).sum((1, 2)).norm()) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize(("key", "converted"), [("model", False), ("state_dict", True)])
def test_robust_networks_come_with_their_normalisation(key: str, converted: bool, tmp_path: Path) -> None:
    theirs = torchvision.models.resnet50(weights=None).eval()
    theirs.load_state_dict(filled(theirs))
    mean, std = (torch.tensor(one)[:, None, None] for one in ((0.4717, 0.4499, 0.3837), (0.26, 0.2516, 0.2575)))
    names = {"normalizer.new_mean": mean, "normalizer.new_std": std}
    names |= {f"model.{name}": value for name, value in theirs.state_dict().items()}
    names |= {"attacker.normalize.new_mean": mean, "attacker.normalize.new_std": std}
    names |= {f"attacker.model.{name}": value for name, value in theirs.state_dict().items()}
    content = {key: {f"module.{name}": value for name, value in names.items()}, "epoch": 105, "schedule": None}
    path = tmp_path / "imagenet_l2_3_0.pt"
    if converted:
        # What loads only if code runs is refused with the way round it.
        content["best"] = argparse.Namespace(nat_prec1=0.58)
    torch.save(content, path, pickle_module=dill)
    if converted:
        with pytest.raises(InputError, match=r"cannot be read as plain weights .+: convert it \(synthstim convert\)"):
            load_model("resnet50", weights=path)
        path = convert_checkpoint(path, tmp_path / "robust.safetensors").path
    observer = load_model("resnet50", weights=path, size=(64, 64))
    assert observer.input.mean == (0.4717, 0.4499, 0.3837)
    assert observer.input.std == (0.26, 0.2516, 0.2575)
    with torch.no_grad():
        found = observer.activations(images(), ["output"])["output"]
        wanted = theirs((images() - mean) / std)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_a_checkpoints_normalisation_must_be_of_its_images(tmp_path: Path) -> None:
    state = torchvision.models.squeezenet1_1(weights=None).state_dict()
    names = {f"model.{name}": value for name, value in state.items()}
    names |= {"normalizer.new_mean": torch.zeros(1, 1, 1), "normalizer.new_std": torch.ones(1, 1, 1)}
    torch.save(names, tmp_path / "grey.pt")
    with pytest.raises(InputError, match="expected means and deviations of 3 channels"):
        load_model("torchvision:squeezenet1_1", weights=tmp_path / "grey.pt")


@pytest.mark.filterwarnings("ignore:.*RANDOM weights")
def test_v1_is_driven_the_documented_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (Path(__file__).parents[1] / "docs" / "own_networks.md").read_text(encoding="utf-8")
    recipe = re.search(r"```yaml\n# v1.yaml\n(.*?)```", text, re.S)
    assert recipe is not None
    (tmp_path / "v1.yaml").write_text(recipe[1], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["make", "v1.yaml", "--out", "made", "--budget", "4"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
