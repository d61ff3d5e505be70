"""A small recipe on real weights and a real photograph, and the set made of it."""

from __future__ import annotations

from pathlib import Path

import skimage.data
import torch

from synthstim.modalities.image import write_png

SMALL = """\
observer: {name: efficientnet-lite0, size: 64}
seed: 1
stimuli:
  - {name: cat, kind: metamer, reference: cat.png, layers: [blocks.0, [blocks.1, blocks.2]], copies: 2, evaluations: 60}
  - {name: up, kind: controller, goal: drive, unit: {layer: blocks.4, channels: [42, 7]}, evaluations: 40}
  - {name: down, kind: controller, goal: suppress, unit: {layer: blocks.4, channel: 42}, evaluations: 40}
  - {name: at, kind: controller, goal: level, level: 5.0, unit: {layer: blocks.4, channel: 42}, evaluations: 60}
  - name: only
    kind: controller
    goal: one_hot
    unit: {layer: blocks.4, channel: 42}
    others: {layer: blocks.4, channels: [1, 2, 3]}
    evaluations: 40
"""

# Makes a set in a process of its own, on as many threads: RECIPE OUT [--resume].
RUN = f"import sys, torch; torch.set_num_threads({torch.get_num_threads()}); from synthstim import make, read_recipe; make(read_recipe(sys.argv[1]), sys.argv[2], resume=len(sys.argv) > 3)"


def write_small(folder: Path, text: str = SMALL) -> Path:
    """Put the photograph and a recipe into a folder; return the recipe's path."""
    write_png(folder / "cat.png", (skimage.data.chelsea().transpose(2, 0, 1) / 255).astype("float32"))
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path
