"""The order of presentations: randomised blocks, written as conditions.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from synthstim.errors import InputError
from synthstim.experiment.marker_codes import code_of_presentation

if TYPE_CHECKING:
    from synthstim.experiment.images.stimuli import ShownImage
    from synthstim.experiment.rig import Rig

MAX_PRESENTATIONS = 200_000
# PsychoPy makes each column a variable and evaluates cells that look like lists: numbers and one path only.
COLUMNS = (
    "presentation", "block_number", "trial_number", "item", "image_file", "x_px", "y_px", "width_px", "height_px",
    "marker_code",
)  # fmt: skip


def randomised_blocks(items: int, *, blocks: int, repeats: int = 1, seed: int = 0) -> list[list[int]]:
    """Orders in which each block shows every item ``repeats`` times, never the same twice in a row.

    Args:
        items: how many items there are; with one item, it is shown again and again.
        repeats: presentations of each item in a block, as so many passes through all items.
        seed: the same seed gives the same orders.

    Returns:
        One list of item numbers, from 0, a block.

    Example:
        >>> [sorted(block) for block in randomised_blocks(3, blocks=2, repeats=2, seed=1)]
        [[0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2]]
    """
    if items * blocks * repeats > MAX_PRESENTATIONS:
        raise InputError(
            f"{items} items x {repeats} repeats x {blocks} blocks are {items * blocks * repeats:,} presentations,"
            f" more than {MAX_PRESENTATIONS:,}",
            "export fewer",
            code="too-large",
        )
    generator = np.random.default_rng(seed)
    orders: list[list[int]] = []
    last = -1
    for _ in range(blocks):
        order: list[int] = []
        for _ in range(repeats):
            shuffled = [int(item) for item in generator.permutation(items)]
            if shuffled[0] == last and items > 1:
                other = int(generator.integers(1, items))
                shuffled[0], shuffled[other] = shuffled[other], shuffled[0]
            last = shuffled[-1]
            order += shuffled
        orders.append(order)
    return orders


def write_conditions(path: Path, orders: Sequence[Sequence[int]], stimuli: Sequence[ShownImage], rig: Rig) -> None:
    """Write conditions.csv: one row a presentation, in the order in which they are shown."""
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        presentation = 0
        for block, order in enumerate(orders):
            for trial, item in enumerate(order):
                shown = stimuli[item]
                x, y = shown.box.centre(rig)
                code = code_of_presentation(presentation, shown.marker_code, rig)
                size = (shown.box.width, shown.box.height)
                writer.writerow([presentation, block, trial, item, shown.file, x, y, *size, code])
                presentation += 1
