"""Two observers: each function returns a network and its input, or an Observer."""

import torch
from torch import nn

from synthstim.modalities.base import StimulusInput
from synthstim.modalities.image import ImageInput
from synthstim_example.taste import TasteInput


def retina(size: tuple[int, int] = (32, 32)) -> tuple[nn.Module, StimulusInput]:
    return seeded(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.AvgPool2d(4), nn.Conv2d(6, 8, 3)), ImageInput(size=size)


def tongue() -> tuple[nn.Module, StimulusInput]:
    return seeded(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4)), TasteInput(count=8)


def seeded(*layers: nn.Module) -> nn.Module:
    network, generator = nn.Sequential(*layers), torch.Generator().manual_seed(0)
    for weight in network.parameters():
        weight.data = torch.randn(weight.shape, generator=generator) * 0.3
    return network
