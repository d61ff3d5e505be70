"""Tables as text, and the photographs that the benchmarks run on."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import torch
from torch import Tensor

from synthstim.modalities.image import fit_image, read_image
from synthstim.models import Observer

PHOTOGRAPHS = ("chelsea.png", "coffee.png", "motorcycle_left.png")
TUNED_ON = "astronaut.png"


def photograph_path(name: str) -> Path:
    """Where scikit-image keeps a photograph."""
    return Path(str(files("skimage.data") / name))


def photographs(observer: Observer, names: Sequence[str]) -> Tensor:
    """Photographs (batch, channel, y, x) at the observer's size, 8-bit display values in [0, 1]."""
    channels, size = observer.input.channels, observer.input.size
    images = [torch.from_numpy(fit_image(read_image(photograph_path(name)), channels, size)) for name in names]
    return torch.round(torch.stack(images) * 255) / 255


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    print(f"\n{title}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(flush=True)
