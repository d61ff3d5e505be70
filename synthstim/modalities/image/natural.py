"""Crops of photographs for the natural pool, at an observer's size."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from synthstim.files import sha256_of
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
    channels, height, width = input.shape
    each = max(1, round((count or CROPS) / len(paths)))
    crops, photograph = [], []
    digests = [sha256_of(path) for path in paths]
    for number, image in enumerate(_read_all(paths, folder)):
        image = fit_image(image, channels, (image.shape[1], image.shape[2]))
        crops.append(_cut(image, digests[number], each, (height, width), [number, seed] if seed else number))
        photograph += [number] * each
    stored, origin = np.concatenate(crops), np.array(photograph)
    known = np.concatenate(
        [_thumbnails(part.astype(np.float32) / np.float32(255)) for part in np.array_split(stored, 16)]
    )

    def recognise(image: FloatImage) -> set[int]:
        return {int(number) for number in origin[known @ _thumbnails(image[None])[0] > _SAME]}

    digest = hashlib.sha256("".join(digests).encode()).hexdigest()
    source = str(input.modality.carried) if folder is None else folder.name
    return NaturalPool(stored, origin, tuple(path.name for path in paths), source, digest, input.modality, recognise)


def _read_all(paths: list[Path], folder: Path | None) -> Iterator[FloatImage]:
    """Photographs one after the other; what there is to say of those of a user's folder is said once."""
    said: list[warnings.WarningMessage] = []
    for path in paths:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            image = read_image(path)
        said += told
        yield image
    if said and folder is not None:
        more = f" ({len(said) - 1} more like it in {folder})" if said[1:] else ""
        warnings.warn(f"{said[0].message}{more}", stacklevel=2)


def _carried() -> list[Path]:
    # Found without importing what they lie in, which takes a second.
    return [_folder(package) / name for package, names in _CARRIED.items() for name in names]


def _folder(package: str) -> Path:
    root, *inside = package.split(".")
    found = find_spec(root)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent.joinpath(*inside)


def _cut(image: FloatImage, digest: str, count: int, size: tuple[int, int], seed: int | list[int]) -> NDArray[np.uint8]:
    """The crops (crop, channel, y, x) of one photograph, or those that were kept if the first one is still the same."""
    crops = (np.rint(crop * 255).astype(np.uint8) for crop in _crops(image, count, size, seed))
    first = next(crops)
    facts = {"crops": digest, "count": count, "shape": first.shape, "seed": seed, "torch": torch.__version__}
    kept = recall(facts) if count > 1 else None
    if kept is not None and kept.shape == (count, *first.shape) and np.array_equal(kept[0], first):
        return kept
    cut = np.stack([first, *crops])
    if count > 1:
        keep(facts, cut)
    return cut


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
