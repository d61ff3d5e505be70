"""Photographs that move, to compare with: crops, over each of which a window drifts in a direction of its own."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from synthstim.modalities.image import ImageInput
from synthstim.modalities.image.natural import cut_pool as cut_images
from synthstim.modalities.movie import MovieInput, moved
from synthstim.verify.natural import whole_files
from synthstim.verify.pool import NaturalPool

MOVIES = 288
# Bytes of a pool; longer movies are fewer, down to two a photograph.
_MOST_BYTES = 2**28
# Pixels a frame, as a share of the frame's smaller side: the fastest crosses a quarter of it in 16 frames.
_FASTEST = 1 / 64


def cut_pool(
    input: MovieInput, folder: Path | None, *, count: int | None = None, seed: int = 0, **_of_others: Any
) -> NaturalPool:
    """The movies of a folder; without one, photographs that scikit-image and scikit-learn carry, moved.

    These are no films: whole pictures drift, each in a direction and at a speed of its own, and nothing in them moves
    against the rest.

    Raises:
        InputError: the folder holds too few files, or one that does not fit the observer.
    """
    if folder is not None:
        return whole_files(input, folder)
    fastest = max(1.0, _FASTEST * min(input.size))
    room = math.ceil(fastest * (input.frames - 1)) + 1
    wide = ImageInput(size=(input.size[0] + room, input.size[1] + room), channels=input.channels)
    fitting = max(32, _MOST_BYTES // math.prod(input.shape))
    crops = cut_images(wide, None, count=min(count or MOVIES, fitting), seed=seed)
    random = np.random.default_rng([len(crops), seed])
    stored = np.empty((len(crops), *input.shape), np.uint8)
    for number in range(len(crops)):
        angle, pace = random.uniform(0, 2 * np.pi), fastest * random.uniform(0.1, 1)
        frames = moved(
            crops.stimulus(number), input.size, input.frames, step=(pace * np.sin(angle), pace * np.cos(angle))
        )
        stored[number] = np.rint(frames * 255)
    sha256 = hashlib.sha256(f"{crops.sha256} moved over {input.frames} frames, {seed}".encode()).hexdigest()
    # A metamer's reference may be a crop of the same photograph: known by its middle frame.
    return NaturalPool(
        stored, crops.origin, crops.names, str(input.modality.carried), sha256, input.modality,
        lambda movie: crops.recognise(movie[len(movie) // 2]),
    )  # fmt: skip
