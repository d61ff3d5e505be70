"""A region of the image that is held: its mask goes with its image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from synthstim.errors import InputError
from synthstim.modalities.image import write_png
from synthstim.models import load_model
from synthstim.production.limits import constraints_of
from synthstim.recipe import read_recipe

RECIPE = """
observer: {name: efficientnet-lite0, size: 64}
stimuli:
  - {name: a, kind: controller, goal: drive, unit: {layer: blocks.1, channel: 1},
     constraints: {fixed: {image: image.png, mask: mask.png}}}
"""


@pytest.mark.parametrize(
    ("image", "mask"), [((64, 64), (64, 64)), ((96, 128), (96, 128)), ((64, 64), (32, 32)), ((64, 32), (32, 64))]
)
def test_a_mask_has_the_size_of_its_image(tmp_path: Path, image: tuple[int, int], mask: tuple[int, int]) -> None:
    write_png(tmp_path / "image.png", np.full((3, *image), 0.5, np.float32))
    held = np.zeros((1, *mask), np.float32)
    held[:, : mask[0] // 2] = 1
    write_png(tmp_path / "mask.png", held)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    recipe, observer = read_recipe(tmp_path / "recipe.yaml"), load_model(size=(64, 64))
    if image == mask:
        (fixed,) = constraints_of(recipe.stimuli[0], recipe, observer, None)
        assert tuple(fixed.mask.shape) == (64, 64)
        return
    with pytest.raises(
        InputError, match=f"the mask has {mask[0]} x {mask[1]} pixels, its image {image[0]} x {image[1]}"
    ):
        constraints_of(recipe.stimuli[0], recipe, observer, None)
