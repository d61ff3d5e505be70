"""Networks of papers by name, with a user's weights: AlexNet, VGG16 and CORnet-S, each against its published layout."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, batch_norm, conv2d, linear, max_pool2d

from synthstim import InputError, load_model
from synthstim.models.seeing.cornet_s import CORnetS


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


def cornet_s(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """The published network, written from its description alone: weights by name, no modules."""

    def normal(name: str, values: Tensor) -> Tensor:
        mean, var, weight, bias = (
            state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
        )
        return batch_norm(values, mean, var, weight, bias)

    x = normal("V1.norm1", conv2d(x, state["V1.conv1.weight"], stride=2, padding=3)).clamp_min(0)
    x = max_pool2d(x, 3, 2, 1)
    x = normal("V1.norm2", conv2d(x, state["V1.conv2.weight"], padding=1)).clamp_min(0)
    for area, times in (("V2", 2), ("V4", 4), ("IT", 2)):
        x = conv2d(x, state[f"{area}.conv_input.weight"])
        for t in range(times):
            skip = normal(f"{area}.norm_skip", conv2d(x, state[f"{area}.skip.weight"], stride=2)) if t == 0 else x
            for number, stride, padding in ((1, 1, 0), (2, 2 if t == 0 else 1, 1), (3, 1, 0)):
                x = conv2d(x, state[f"{area}.conv{number}.weight"], stride=stride, padding=padding)
                x = normal(f"{area}.norm{number}_{t}", x)
                x = (x + skip if number == 3 else x).clamp_min(0)
    return linear(adaptive_avg_pool2d(x, 1).flatten(1), state["decoder.linear.weight"], state["decoder.linear.bias"])


def test_cornet_s_is_the_published_network(tmp_path: Path) -> None:
    network = CORnetS().eval()
    # 53.4 million in the paper.
    assert sum(one.numel() for one in network.parameters()) == 53_416_616
    state = filled(network)
    torch.save({"state_dict": {f"module.{name}": values for name, values in state.items()}}, tmp_path / "cornet_s.pth")
    observer = load_model("cornet-s", weights=tmp_path / "cornet_s.pth", size=(64, 64))
    mean, std = (torch.tensor(one)[:, None, None] for one in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        found = observer.activations(images(), ["V4", "output"])
        wanted = cornet_s(state, (images() - mean) / std)
    assert tuple(found["V4"].shape) == (2, 256, 4, 4)
    torch.testing.assert_close(found["output"], wanted, rtol=1e-3, atol=1e-4)
    with pytest.raises(InputError, match="its authors' and are not carried: give a weights file"):
        load_model("cornet-s")
