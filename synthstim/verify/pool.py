"""The natural pool: crops of photographs that stimuli are compared with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthstim.errors import InputError
from synthstim.images import SUFFIXES, FloatImage, fit_image, read_image, resize, sha256_of
from synthstim.models import Observer

CROPS = 576
CARRIED = "scikit-image and scikit-learn"
MOST_PHOTOGRAPHS = 2000
# Photographs and texture photographs that the packages carry; drawings, text and second views of a scene are left out.
_CARRIED = {
    "skimage.data": (
        "astronaut.png", "brick.png", "camera.png", "chelsea.png", "clock_motion.png", "coffee.png", "coins.png",
        "grass.png", "gravel.png", "hubble_deep_field.jpg", "moon.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg",
    ),
    "sklearn.datasets.images": ("china.jpg", "flower.jpg"),
}  # fmt: skip
# A crop whose thumbnail correlates with a reference's beyond this shows the same photograph.
_SAME = 0.95


@dataclass(frozen=True, repr=False)
class NaturalPool:
    """Crops of photographs, at an observer's size.

    Attributes:
        crops: (crop, channel, y, x) uint8, 8-bit display values.
        photograph: (crop,) number of the photograph each crop is of.
        names: of the photographs.
        source: where they come from.
        sha256: over the photographs' bytes.

    Example:
        >>> pool = NaturalPool.for_observer(load_model())          # doctest: +SKIP
        >>> len(pool), len(pool.names)                             # doctest: +SKIP
        (576, 16)
    """

    crops: NDArray[np.uint8]
    photograph: NDArray[np.int64]
    names: tuple[str, ...]
    source: str
    sha256: str

    @classmethod
    def for_observer(cls, observer: Observer, folder: str | Path | None = None) -> NaturalPool:
        """Cut crops for an observer from a folder's images, or from the photographs that scikit-image and scikit-learn carry.

        Every photograph gives its centre crop and random square crops of a third to all of its smaller side, always
        the same ones; about 576 in all, or one a photograph where there are more photographs than that.
        """
        paths = _in_folder(Path(folder)) if folder is not None else _carried()
        channels, height, width = observer.input.shape
        each = max(1, round(CROPS / len(paths)))
        crops, photograph = [], []
        for number, path in enumerate(paths):
            image = fit_image_channels(read_image(path), channels)
            for crop in _crops(image, each, (height, width), seed=number):
                crops.append(np.rint(crop * 255).astype(np.uint8))
                photograph.append(number)
        digest = hashlib.sha256("".join(map(sha256_of, paths)).encode()).hexdigest()
        source = CARRIED if folder is None else Path(folder).name
        return cls(np.stack(crops), np.array(photograph), tuple(path.name for path in paths), source, digest)

    def __len__(self) -> int:
        return len(self.crops)

    def __repr__(self) -> str:
        return f"NaturalPool({len(self)} crops of {len(self.names)} photographs, {self.source})"

    def facts(self) -> dict[str, object]:
        """What the provenance says of the pool."""
        return {"source": self.source, "photographs": len(self.names), "crops": len(self),
                "names": list(self.names), "sha256": self.sha256}  # fmt: skip

    def image(self, crop: int) -> FloatImage:
        """One crop as display values."""
        return self.crops[crop].astype(np.float32) / np.float32(255)

    def batches(self, observer: Observer, crops: NDArray[np.int64] | None = None, size: int = 16) -> Iterator[Tensor]:
        """The crops as batches (batch, channel, y, x) of display values on the observer's device."""
        chosen = np.arange(len(self)) if crops is None else crops
        for at in range(0, len(chosen), size):
            batch = torch.from_numpy(self.crops[chosen[at : at + size]]).to(observer.device)
            yield batch.to(observer.dtype) / 255

    def subset(self, most: int) -> NDArray[np.int64]:
        """At most this many crops, the same number of every photograph, each photograph's first ones."""
        each = max(1, most // len(self.names))
        chosen = [np.flatnonzero(self.photograph == number)[:each] for number in range(len(self.names))]
        return np.concatenate(chosen)[:most]

    def photographs_of(self, reference: FloatImage) -> set[int]:
        """Numbers of the photographs that a reference shows, found by comparing thumbnails."""
        likeness = self._thumbnails @ _thumbnails(reference[None])[0]
        return {int(number) for number in self.photograph[likeness > _SAME]}

    @cached_property
    def _thumbnails(self) -> FloatImage:
        return np.concatenate(
            [_thumbnails(part.astype(np.float32) / np.float32(255)) for part in np.array_split(self.crops, 16)]
        )


def fit_image_channels(image: FloatImage, channels: int) -> FloatImage:
    """An image at its own size with the observer's channels."""
    return fit_image(image, channels, (image.shape[1], image.shape[2]))


def _carried() -> list[Path]:
    return [Path(str(files(package) / name)) for package, names in _CARRIED.items() for name in names]


def _in_folder(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"the pool {folder} is not a folder: give a folder of photographs")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if len(paths) < 4:
        raise InputError(f"the pool {folder} holds {len(paths)} images: at least 4 photographs are wanted")
    return paths[:MOST_PHOTOGRAPHS]


def _crops(image: FloatImage, count: int, size: tuple[int, int], seed: int) -> Iterator[FloatImage]:
    yield fit_image(image, image.shape[0], size)
    random = np.random.default_rng(seed)
    height, width = image.shape[1:]
    for _ in range(count - 1):
        share = random.uniform(1 / 3, 1.0)
        scale = share * min(height / size[0], width / size[1])
        rows, columns = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        top, left = random.integers(height - rows + 1), random.integers(width - columns + 1)
        yield resize(image[:, top : top + rows, left : left + columns], size)


def _thumbnails(images: FloatImage) -> FloatImage:
    grey = torch.from_numpy(np.ascontiguousarray(images)).mean(1, keepdim=True)
    small = torch.nn.functional.adaptive_avg_pool2d(grey, (16, 16)).flatten(1)
    small = small - small.mean(1, keepdim=True)
    return (small / small.norm(dim=1, keepdim=True).clamp_min(1e-6)).numpy()
