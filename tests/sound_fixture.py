"""A small recipe of sounds on real observers and recordings, and the folder it is made in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from synthstim.errors import InputError
from synthstim.modalities.sound.recordings import carried

REFERENCES = {"word": "agent", "texture": "fire"}
# Eight recordings, of which the texture is one: a pool that is cut in no time.
POOL = ("fire", "water", "wind", "crackle", "activated", "december", "austen_0870", "guit_em9")

SMALL = """\
observer: {name: cochleagram, duration_s: 0.3}
seed: 1
stimuli:
  - {name: pair, kind: metamer, reference: [word.wav, texture.wav], layers: [cochleagram], copies: 2, evaluations: 60}
  - {name: up, kind: controller, goal: drive, unit: {layer: cochleagram, channels: [80, 140], position: [20]}, evaluations: 25}
  - {name: down, kind: controller, goal: suppress, unit: {layer: cochleagram, channel: 80, position: mean}, evaluations: 25}
  - {name: at, kind: controller, goal: level, level: 0.3, unit: {layer: cochleagram, channel: 80, position: mean}, evaluations: 60}
  - name: only
    kind: controller
    goal: one_hot
    unit: {layer: cochleagram, channel: 80, position: mean}
    others: {layer: cochleagram, channels: [60, 100, 150], position: mean}
    evaluations: 25
"""

TINY = """\
observer: {name: cochleagram, duration_s: 0.3}
seed: 1
pool: pool
stimuli:
  - {name: pair, kind: metamer, reference: [word.wav, texture.wav], layers: [cochleagram], evaluations: 12}
  - {name: up, kind: controller, goal: drive, unit: {layer: cochleagram, channel: 80}, evaluations: 12}
"""


def write_sounds(folder: Path, text: str = TINY) -> Path:
    """Put recordings, a pool and a recipe into a folder; return the recipe's path. Skips without the recordings."""
    (folder / "pool").mkdir()
    try:
        for name, recording in REFERENCES.items():
            shutil.copy(carried(recording).wav(), folder / f"{name}.wav")
        for recording in POOL:
            shutil.copy(carried(recording).wav(), folder / "pool" / f"{recording}.wav")
    except InputError as error:
        pytest.skip(f"the recordings are not installed: {error}")
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path
