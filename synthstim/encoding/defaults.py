"""What a fit takes where nobody chose: layers of the observer, and the size at which it is shown the stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image
from torch import nn

from synthstim.errors import InputError
from synthstim.models import OUTPUT, Axes, ImageInput, Observer
from synthstim.stimulus_set import StimulusSet

MOST_LAYERS = 5
# Of one stimulus: larger layers cost memory and time, and hold little beyond the pixels.
MOST_VALUES = 160_000
# A network runs on images of up to so many times the side that it was trained at.
MOST_TIMES = 2
_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Linear)
_FEWEST_BLOCKS = 3


def suggest_layers(observer: Observer) -> tuple[str, ...]:
    """A few layers from early to late: the stages that the observer names, or the last block of each resolution.

    Raises:
        InputError: it has no layer with space.

    Example:
        >>> suggest_layers(load_model(size=(112, 112)))  # doctest: +SKIP
        ('blocks.0', 'blocks.1', 'blocks.2', 'blocks.4', 'blocks.6')
    """
    shapes = observer.layers
    named = [layer for layer in observer.stages if layer in shapes and np.prod(shapes[layer]) <= MOST_VALUES]
    if named:
        return _spread(named)
    for deepest in (1, 2, 9):
        blocks = _blocks(observer, deepest)
        if blocks:
            break
    else:
        raise InputError(f"{observer.name} has no layer with space: name the layers to fit")
    known = observer.axes.all()
    # One whose axes are in doubt, as a grid of a few cells may be, is for the user to name.
    blocks = [layer for layer in blocks if known[layer] is not None] or blocks
    last = {_resolution(shapes[layer], known[layer]) or layer: layer for layer in blocks}
    return _spread(list(last.values()))


def shown_at(observer: Observer, size: tuple[int, int]) -> Observer:
    """The observer shown images of a size: its network runs at that size, or else resizes them to its own.

    It resizes where the network takes one size only, as transformers do, and where the images are so large that running at
    their size would take long.

    Args:
        observer: of images.
        size: (height, width) in pixels.

    Raises:
        InputError: it can be shown neither.
    """
    own = observer.input
    assert isinstance(own, ImageInput)
    if size == own.size:
        return observer
    # Of the same shape as the images, and of the side that the network was trained at.
    scale = max(own.size) / max(size)
    smaller = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    tried = [None, smaller] if max(size) <= MOST_TIMES * max(own.size) else [smaller]
    for inside in tried:
        made = observer.given(replace(own, size=size, resize=own.resize or inside))
        try:
            made.layers  # noqa: B018 - runs the network once
            return made
        except InputError as error:
            if error.code != "does-not-run":
                raise
    return observer.given(replace(own, size=size, resize=own.resize or own.size))


def common_size(sets: Sequence[StimulusSet], ids: Sequence[str]) -> tuple[int, int] | None:
    """(height, width) of the images with these ids, if all have the same; None otherwise, and for sounds."""
    sizes = set()
    for part in sets:
        if part.modality.name != "image":
            return None
        for file in part.table.loc[part.table["stimulus_id"].isin(set(ids)), "file"]:
            try:
                with Image.open(part.path(file)) as opened:
                    sizes.add(opened.size)
            except OSError as error:
                raise InputError(f"{part.path(file)} cannot be read ({error}): restore it from a copy") from None
    if len(sizes) != 1:
        return None
    width, height = sizes.pop()
    return (height, width)


def common_duration(sets: Sequence[StimulusSet], ids: Sequence[str]) -> float | None:
    """Seconds of the sounds with these ids, if all have the same; None otherwise, and for images."""
    seconds = {
        float(value)
        for part in sets
        for value in part.table.loc[part.table["stimulus_id"].isin(set(ids)), "duration_s"].dropna()
    }
    return seconds.pop() if len(seconds) == 1 else None


def _blocks(observer: Observer, deepest: int) -> list[str]:
    """Layers with space, at most so deep in the names; blocks that hold weighted layers, if there are some."""
    parts = dict(observer.module.named_modules())
    found = [
        layer
        for layer, shape in observer.layers.items()
        if layer != OUTPUT
        and "@" not in layer
        and layer.count(".") <= deepest
        and len(shape) in (2, 3)
        and np.prod(shape) <= MOST_VALUES
        and min(shape[-2:]) > 1
    ]
    whole = [layer for layer in found if any(isinstance(part, _WEIGHTED) for part in list(parts[layer].modules())[1:])]
    # A list of blocks is the last of them under another name.
    whole = [layer for layer in whole if not any(other.startswith(f"{layer}.") for other in whole)]
    return whole if len(whole) >= _FEWEST_BLOCKS else [layer for layer in found if layer not in whole]


def _resolution(shape: tuple[int, ...], axes: Axes | None) -> tuple[int, ...] | None:
    """Sides of a layer's grid; None for one that has no grid, or whose axes are in doubt."""
    if axes is None or not axes.has_grid:
        return None
    return axes.grid or tuple(shape[axes.names.index(name)] for name in axes.places)


def _spread(layers: list[str]) -> tuple[str, ...]:
    if len(layers) <= MOST_LAYERS:
        return tuple(layers)
    places = np.linspace(0, len(layers) - 1, MOST_LAYERS).round().astype(int)
    return tuple(layers[place] for place in places)
