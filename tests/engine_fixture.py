"""Small networks, photographs and generators for the tests of the engine."""

from __future__ import annotations

import numpy as np
import skimage.data
import torch
from torch import nn

from synthstim.modalities.image import FloatImage, fit_image
from synthstim.models import ImageInput, Observer


def small_network(channels: int = 3, size: tuple[int, int] = (16, 16), dtype: torch.dtype = torch.float64) -> Observer:
    rows, columns = ((side - 1) // 2 for side in size)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = nn.Sequential(
            nn.Conv2d(channels, 8, 5, padding=2), nn.ReLU(), nn.Conv2d(8, 12, 3, stride=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(12 * rows * columns, 10),
        )  # fmt: skip
    shown = ImageInput(size=size, channels=channels, mean=(0.5,), std=(0.25,))
    return Observer(network, input=shown, name="small").to(dtype=dtype)


def photograph(name: str, size: tuple[int, int] = (64, 64), channels: int = 3) -> FloatImage:
    """One of scikit-image's photographs, (channel, y, x) in [0, 1]."""
    values = getattr(skimage.data, name)().astype(np.float32) / np.float32(255)
    return fit_image(values[None] if values.ndim == 2 else np.moveaxis(values, 2, 0), channels, size)


def photographs(names: str, size: tuple[int, int] = (64, 64), channels: int = 3) -> torch.Tensor:
    return torch.from_numpy(np.stack([photograph(name, size, channels) for name in names.split()]))


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def slopes(network: nn.Module, size: tuple[int, int]) -> tuple[float, float]:
    """Of a network of grey images in double precision, along a random direction: by its gradient, and by central differences."""
    generator = torch.Generator().manual_seed(1)
    image, along = (torch.rand(1, 1, *size, generator=generator, dtype=torch.float64) for _ in range(2))
    shown = image.clone().requires_grad_()
    answers = network(shown)
    weights = torch.randn(answers.shape, generator=generator, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((answers * weights).sum(), shown)
    step = 1e-6
    slope = ((network(image + step * along) - network(image - step * along)) * weights).sum() / (2 * step)
    return float((gradient * along).sum()), float(slope)
