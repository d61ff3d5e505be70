"""The demonstration of odours: recorded receptors, then the trained network, and an olfactometer that is simulated."""

from __future__ import annotations

from pathlib import Path

from synthstim.demonstration import Demonstration

_MIXTURE = "ethyl acetate\t1-hexanol\n0.1\t0.1\n"
FLY = """\
# Sparse mixtures for one receptor type, one glomerulus, one Kenyon cell; and others that smell like ethyl acetate with hexanol.
observer: fly-antenna
seed: 1
criteria: {null_percentile: 99}
stimuli:
  - name: alone
    kind: controller
    goal: one_hot
    unit: {layer: pn, channel: 5}
    others: {layer: pn, channels: [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]}
    constraints: {most_odorants: 3, total_concentration: 1}
  - name: cell
    kind: controller
    goal: drive
    unit: {layer: kc, channels: [3, 40]}
    constraints: {most_odorants: 3, total_concentration: 1, forbidden_pairs: [[ammonium hydroxide, methanoic acid]]}
  - name: half
    kind: controller
    goal: level
    levels: [40, 80]
    unit: {layer: pn, channel: 5}
    constraints: {most_odorants: 3}
  - name: same
    kind: metamer
    reference: mixture.odour
    layers: [pn, kc]
    constraints: {most_odorants: 8, absent_odorants: [ethyl acetate, 1-hexanol]}
"""
OLFACTION = """\
# The trained network of Wang et al. 2021: mixtures that drive one Kenyon cell, or a class, or leave a glomerulus silent.
observer: olfaction
seed: 1
stimuli:
  - name: cell
    kind: controller
    goal: drive
    unit: {layer: kc, channels: [0, 1]}
    constraints: {most_odorants: 3, total_concentration: 1}
  - name: class
    kind: controller
    goal: one_hot
    unit: {layer: logits, channel: 7}
    others: {layer: logits, channels: [0, 1, 2, 3, 4, 5, 6, 8, 9]}
    constraints: {most_odorants: 3, absent_odorants: [odorant_07]}
  - name: silent
    kind: controller
    goal: suppress
    unit: {layer: pn, channel: 3}
    constraints: {most_odorants: 3}
"""
RIG = """\
monitor: {width_cm: 53.1, distance_cm: 57, width_px: 1280, height_px: 720, refresh_hz: 60, fullscreen: false, check: false}
olfactometer: {kind: simulated, channels: 40}
"""


def write_references(folder: Path) -> None:
    """Put the mixture that is matched into a folder."""
    (folder / "mixture.odour").write_text(_MIXTURE, encoding="utf-8")


DEMONSTRATION = Demonstration(
    "demo-smell",
    {"fly": FLY, "olfaction": OLFACTION},
    write_references,
    "odour_rating",
    {"participants": 2, "practice_trials": 1, "odour_s": 1, "purge_s": 2},
    rig=RIG,
)
