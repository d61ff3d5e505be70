"""The demonstration of images: photographs that packages carry, and a recipe a user could have written."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import skimage.io

from synthstim.demonstration import Demonstration
from synthstim.modalities.image import write_png

PHOTOGRAPHS = {"cat": "chelsea.png", "coffee": "coffee.png", "motorcycle": "motorcycle_left.png"}
RECIPE = """\
# Metamers of three photographs at three stages, and images that control two units.
observer: efficientnet-lite0
seed: 1
stimuli:
  - name: photo
    kind: metamer
    reference: [cat.png, coffee.png, motorcycle.png]
    layers: [blocks.0, blocks.2, blocks.4]
    evaluations: 400
  - {name: drive, kind: controller, goal: drive, unit: {layer: blocks.4, channels: [42, 77]}, copies: 2, evaluations: 150}
  - {name: suppress, kind: controller, goal: suppress, unit: {layer: blocks.4, channel: 42}, evaluations: 150}
  - name: only42
    kind: controller
    goal: one_hot
    unit: {layer: blocks.4, channel: 42}
    others: {layer: blocks.4, channels: [1, 2, 3, 5, 8]}
    evaluations: 150
"""


def write_references(folder: Path) -> None:
    """Put the photographs into a folder."""
    for name, photograph in PHOTOGRAPHS.items():
        values = skimage.io.imread(str(files("skimage.data") / photograph))
        write_png(folder / f"{name}.png", (values[..., :3].transpose(2, 0, 1) / 255).astype("float32"))


# One pass through the images, so that the rehearsal is short.
DEMONSTRATION = Demonstration(
    "demo",
    {"set": RECIPE},
    write_references,
    "passive_fixation",
    {"blocks": 1, "repeats_per_block": 1, "wait_for_start": True},
)
