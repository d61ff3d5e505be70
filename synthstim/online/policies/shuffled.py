"""Every stimulus once in each block, shuffled anew for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from synthstim.online.policies.base import set_and_ids
from synthstim.online.policies.blocks import Blocks
from synthstim.stimulus_set import StimulusSet


def open_shuffled(folder: Path, settings: dict[str, Any]) -> tuple[StimulusSet, Blocks]:
    """A set, and its stimuli in blocks that the seed shuffles."""
    stimuli, ids = set_and_ids(folder)
    return stimuli, Blocks(ids, repeats=settings["repeats"], shuffle=settings["seed"])


POLICY = open_shuffled
