"""Crops of photographs for the natural pool, at an observer's size."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthstim.files import sha256_of
from synthstim.files.telling import told_once
from synthstim.modalities.base import StimulusInput
from synthstim.modalities.image import FloatImage, fit_image, read_image, resize
from synthstim.verify.array_cache import keep, recall
from synthstim.verify.pool import NaturalPool, files_in

CROPS = 576
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


def cut_pool(
    input: StimulusInput, folder: Path | None, *, count: int | None = None, seed: int = 0, **_of_others: Any
) -> NaturalPool:
    """Cut crops from a folder's images, or from the photographs that scikit-image and scikit-learn carry.

    Every photograph gives its centre crop and random crops of a third to all of its smaller side, the same ones for the
    same seed; about ``count`` in all, by default 576, or one a photograph where there are more photographs than that.
    """
    paths = files_in(folder, input.modality) if folder is not None else _carried()
    each = max(1, round((count or CROPS) / len(paths)))
    digests = [sha256_of(path) for path in paths]
    channels, height, width = input.shape
    shape = channels, height, width
    cuts = [Cut(digest, each, shape, [number, seed] if seed else number) for number, digest in enumerate(digests)]
    stored = np.concatenate(_carried_crops(cuts, paths) if folder is None else _crops_of(cuts, paths, folder))
    origin = np.repeat(np.arange(len(paths)), each)
    known = np.concatenate(
        [_thumbnails(part.astype(np.float32) / np.float32(255)) for part in np.array_split(stored, 16)]
    )

    def recognise(image: FloatImage) -> set[int]:
        return {int(number) for number in origin[known @ _thumbnails(image[None])[0] > _SAME]}

    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    source = str(input.modality.carried) if folder is None else folder.name
    return NaturalPool(stored, origin, tuple(path.name for path in paths), source, digest, input.modality, recognise)


@dataclass(frozen=True)
class Cut:
    """What is cut of one photograph.

    Attributes:
        digest: of its file.
        count: crops.
        shape: (channel, y, x) of a crop.
        seed: of where they lie.
    """

    digest: str
    count: int
    shape: tuple[int, int, int]
    seed: int | list[int]

    @property
    def facts(self) -> dict[str, Any]:
        """What crops are kept under."""
        return {"crops": self.digest, "count": self.count, "shape": self.shape, "seed": self.seed, "torch": torch.__version__}  # fmt: skip

    def kept(self) -> NDArray[np.uint8] | None:
        """The crops, where they were cut before on this machine."""
        kept = recall(self.facts) if self.count > 1 else None
        return kept if kept is not None and kept.shape == (self.count, *self.shape) else None

    def of(self, image: FloatImage) -> NDArray[np.uint8]:
        """The crops (crop, channel, y, x) of the photograph, or those that were kept if the first one is still the same."""
        image = fit_image(image, self.shape[0], (image.shape[1], image.shape[2]))
        crops = (np.rint(crop * 255).astype(np.uint8) for crop in _crops(image, self.count, self.shape[1:], self.seed))
        first = next(crops)
        kept = self.kept()
        if kept is not None and np.array_equal(kept[0], first):
            return kept
        cut = np.stack([first, *crops])
        if self.count > 1:
            keep(self.facts, cut)
        return cut


def _carried_crops(cuts: list[Cut], paths: list[Path]) -> list[NDArray[np.uint8]]:
    """Of the photographs that packages carry. Where the first one's are cut as they were kept, the others' are too."""
    kept = cuts[0].kept()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = cuts[0].of(read_image(paths[0]))
        steady = kept is not None and np.array_equal(kept, first)
        found = (cut.kept() if steady else None for cut in cuts[1:])
        rest = zip(cuts[1:], paths[1:], found, strict=True)
        return [first, *(crops if crops is not None else cut.of(read_image(path)) for cut, path, crops in rest)]


def _crops_of(cuts: list[Cut], paths: list[Path], folder: Path) -> list[NDArray[np.uint8]]:
    """Of a user's photographs; what there is to say of them is said once."""
    with told_once(paths, folder):
        return [cut.of(read_image(path)) for cut, path in zip(cuts, paths, strict=True)]


def _carried() -> list[Path]:
    # Found without importing what they lie in, which takes a second.
    return [_folder(package) / name for package, names in _CARRIED.items() for name in names]


def _folder(package: str) -> Path:
    root, *inside = package.split(".")
    found = find_spec(root)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent.joinpath(*inside)


def _crops(image: FloatImage, count: int, size: tuple[int, int], seed: int | list[int]) -> Iterator[FloatImage]:
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
