"""CORnet-S (Kubilius et al. 2019): four areas named after the ventral stream's, of which three go over their own output again.

Its weights are its authors' (``cornet_s-1d3f7974.pth``) and are not carried; a file of them loads as it is, for layers and
parameters have the published names.
"""

from __future__ import annotations

from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.modalities.image import ImageInput

# How much wider a block is inside.
_INNER = 4
# Channels that each area is given and puts out, and how often it runs.
_AREAS = {"V2": (64, 128, 2), "V4": (128, 256, 4), "IT": (256, 512, 2)}


def image_input() -> ImageInput:
    """The images that the network takes."""
    return ImageInput(size=(224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def embedded_network() -> nn.Module:
    """Raises InputError: trained weights are the user's."""
    raise InputError(
        "CORnet-S's weights are its authors' and are not carried",
        "give a weights file (their cornet_s-1d3f7974.pth, or what synthstim convert makes of it), or weights random",
    )


def bare_network() -> nn.Module:
    """The architecture with random weights."""
    return CORnetS()


class CORnetS(nn.Module):
    """(batch, 3, y, x) -> (batch, 1000) logits of ImageNet's classes; the layers V1, V2, V4 and IT are its areas.

    Example:
        >>> import torch
        >>> CORnetS().eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 1000])
    """

    def __init__(self) -> None:
        super().__init__()
        self.V1 = nn.Sequential()
        for name, part in {
            "conv1": nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), "norm1": nn.BatchNorm2d(64), "nonlin1": nn.ReLU(),
            "pool": nn.MaxPool2d(3, stride=2, padding=1), "conv2": nn.Conv2d(64, 64, 3, padding=1, bias=False),
            "norm2": nn.BatchNorm2d(64), "nonlin2": nn.ReLU(),
        }.items():  # fmt: skip
            self.V1.add_module(name, part)
        self.V2, self.V4, self.IT = areas()
        self.decoder = decoder()

    def forward(self, images: Tensor) -> Tensor:
        """Logits of preprocessed images."""
        return self.decoder(self.IT(self.V4(self.V2(self.V1(images)))))


def areas() -> tuple[Area, ...]:
    """V2, V4 and IT."""
    return tuple(Area(*sizes) for sizes in _AREAS.values())


def decoder() -> nn.Sequential:
    """What reads the classes from IT."""
    made = nn.Sequential()
    for name, part in {
        "avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "linear": nn.Linear(512, 1000),
    }.items():  # fmt: skip
        made.add_module(name, part)
    return made


class Area(nn.Module):
    """A bottleneck that runs several times with the same convolutions, each time with normalisation of its own; the first halves the size."""

    def __init__(self, given: int, made: int, times: int) -> None:
        super().__init__()
        self.times, inner = times, made * _INNER
        self.conv_input = nn.Conv2d(given, made, 1, bias=False)
        self.skip, self.norm_skip = nn.Conv2d(made, made, 1, stride=2, bias=False), nn.BatchNorm2d(made)
        self.conv1 = nn.Conv2d(made, inner, 1, bias=False)
        # At the first time its stride is 2.
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False)
        self.conv3 = nn.Conv2d(inner, made, 1, bias=False)
        for time in range(times):
            for number, width in ((1, inner), (2, inner), (3, made)):
                self.add_module(f"norm{number}_{time}", nn.BatchNorm2d(width))

    def forward(self, values: Tensor) -> Tensor:
        """(batch, given, y, x) -> (batch, made, y / 2, x / 2)."""
        values = self.conv_input(values)
        for time in range(self.times):
            beside = values if time else self.norm_skip(self.skip(values))
            wide = self._normalised(1, time, self.conv1(values)).relu()
            strided = nn.functional.conv2d(wide, self.conv2.weight, stride=1 if time else 2, padding=1)
            values = self._normalised(2, time, strided).relu()
            values = (self._normalised(3, time, self.conv3(values)) + beside).relu()
        return values

    def _normalised(self, number: int, time: int, values: Tensor) -> Tensor:
        normalised: Tensor = self.get_submodule(f"norm{number}_{time}")(values)
        return normalised
