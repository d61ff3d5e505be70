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


SERIES = """\
# Mixtures of three photographs and their metamers at a late stage: how much of the metamer can people tell from the photograph?
observer: efficientnet-lite0
seed: 1
stimuli:
  - name: photo
    kind: metamer
    reference: [cat.png, coffee.png, motorcycle.png]
    layers: [blocks.4]
    evaluations: 250
    series: {from: 0.1, to: 1, steps: 5}
"""
# A trial compares a mixture with its photograph.
COMPARED = """\
only: {kind: mixture}
conditions: [mix]
"""

# A small screen, which a virtual display draws fast.
SCREEN = "monitor: {width_cm: 24, distance_cm: 57, width_px: 640, height_px: 480, refresh_hz: 60}\n"

# One pass through the images, so that the rehearsal is short.
DEMONSTRATION = Demonstration(
    "demo",
    {"set": RECIPE},
    write_references,
    "passive_fixation",
    {"blocks": 1, "repeats_per_block": 1, "wait_for_start": True},
)
EXPERIMENT = Demonstration(
    "demo-experiment",
    {"set": SERIES},
    write_references,
    "oddity",
    {"participants": 8, "repeats": 3, "practice_trials": 2, "lead_ms": 50, "on_ms": 50, "gap_ms": 50},
    COMPARED,
    SCREEN,
    participants=8,
)
