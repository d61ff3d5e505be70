"""A set of two heads, as make leaves it: images of a decoder, with their latents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from synthstim.decoders import open_decoder
from synthstim.parametrise import Decoded
from synthstim.stimulus_set import SetWriter, StimulusSet

RECIPE = """\
observer: {name: efficientnet-lite0, size: 32}
stimuli:
  - name: who
    kind: controller
    goal: drive
    unit: {layer: "2", channel: 1}
    copies: 2
    parametrisation: {kind: decoder, hold: {pose: [0, 0], light: [30, 20]}}
"""
HELD = {"pose": [0.0, 0.0], "light": [30.0, 20.0]}


def write_heads(root: Path, side: int = 32) -> StimulusSet:
    decoded = Decoded(open_decoder("head", (3, side, side)), hold=HELD)
    aim = {"goal": "drive", "units": [{"layer": "2", "channel": 1}]}
    with SetWriter(root) as writer:
        for copy in range(2):
            name, latents = f"who_{copy}", decoded.draw(torch.Generator().manual_seed(copy))
            image = decoded.render(latents[None])[0].numpy().astype(np.float32)
            path = writer.add(
                name, image, name="who", kind="controller", goal="drive", layer="2", unit="1", status="passed"
            )
            writer.rows[-1].update(writer.modality.statistics(path))
            writer.add_latents(name, latents.numpy())
        facts = {
            "recipe": RECIPE,
            "stimuli": dict.fromkeys(("who_0", "who_1"), aim),
            "versions": {"synthstim": "0.1.0"},
        }
        return StimulusSet.read(writer.commit(facts))
