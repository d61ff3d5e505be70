"""The demonstration of images: photographs that packages carry, and a recipe a user could have written."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import skimage.io
import torch

from synthstim.decoders import open_decoder
from synthstim.demonstration import Demonstration
from synthstim.modalities.image import write_png
from synthstim.parametrise import Decoded
from synthstim.production import observer_of_set
from synthstim.stimulus_set import StimulusSet
from synthstim.variations import make_sweep

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

HEADS = """\
# Heads that drive two units by who they are, seen from the front; and others that are the same to a stage of the network.
# What they are compared with are heads, too.
observer: faces
pool: heads
seed: 1
stimuli:
  - name: who
    kind: controller
    goal: drive
    unit: {layer: f4, channels: [208, 436]}
    copies: 2
    evaluations: 150
    parametrisation: {kind: decoder, decoder: head, hold: {pose: [0, 0], light: [20, 20]}}
  - name: turned                   # the same identity to the network, seen from the side
    kind: metamer
    reference: face.png
    layers: [f5]
    evaluations: 300
    parametrisation: {kind: decoder, decoder: head, hold: {pose: [35, 0], light: [20, 20]}}
  - name: alike                    # the same to its last convolution
    kind: metamer
    reference: face.png
    layers: [f3]
    evaluations: 300
    parametrisation: {kind: decoder, decoder: head, hold: {pose: [0, 0], light: [20, 20]}}
"""
# To compare with.
HEADS_DRAWN = 64
SWEPT = {"yaw": [-90.0, -60.0, -30.0, 0.0, 30.0, 60.0, 90.0], "azimuth": [-60.0, 0.0, 60.0]}


def write_heads(folder: Path) -> None:
    """Put the head that is matched into a folder, and heads to compare with."""
    decoded = Decoded(open_decoder("head", (3, 64, 64)), hold={"pose": [0, 0], "light": [20, 20]})
    (folder / "heads").mkdir(exist_ok=True)
    for number in range(HEADS_DRAWN + 1):
        latents = decoded.draw(torch.Generator().manual_seed(number + 2))
        name = f"heads/{number:03d}.png" if number else "face.png"
        write_png(folder / name, decoded.render(latents[None])[0].float().numpy())


def sweep_heads(folder: Path, out: Path) -> StimulusSet:
    """The heads that drive units, turned and lit anew."""
    stimuli = StimulusSet.read(folder / "faces")
    driving = stimuli.table["kind"] == "controller"
    ids = [str(name) for name in stimuli.table["stimulus_id"][driving]]
    return make_sweep(stimuli, SWEPT, out, only=ids, observer=observer_of_set(stimuli))


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
FACES = Demonstration(
    "demo-faces",
    {"faces": HEADS},
    write_heads,
    "passive_fixation",
    {"blocks": 1, "repeats_per_block": 1, "wait_for_start": True},
    vary=("turned", sweep_heads),
)
