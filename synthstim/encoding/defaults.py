"""What a fit takes where nobody chose: layers of the observer, and how it is given the stimuli."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch import nn

from synthstim.errors import InputError
from synthstim.models import OUTPUT, Axes, Observer
from synthstim.stimulus_set import StimulusSet

MOST_LAYERS = 5
# Of one stimulus: larger layers cost memory and time, and hold little beyond the pixels.
MOST_VALUES = 160_000
BROUGHT = "the stimuli are brought to it"
_WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Linear)
_FEWEST_BLOCKS = 3


def suggest_layers(observer: Observer) -> tuple[str, ...]:
    """A few layers from early to late: the stages that the observer names, or the last block of each resolution.

    Raises:
        InputError: it has no layer with space.

    Example:
        >>> suggest_layers(load_model(size=(112, 112)))
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
        raise InputError(f"{observer.name} has no layer with space", "name the layers to fit", code="unknown")
    known = observer.axes.all()
    # One whose axes are in doubt, as a grid of a few cells may be, is for the user to name.
    blocks = [layer for layer in blocks if known[layer] is not None] or blocks
    last = {_resolution(shapes[layer], known[layer]) or layer: layer for layer in blocks}
    return _spread(list(last.values()))


def suggest_method(observer: Observer, layers: Sequence[str]) -> str:
    """Masks times channel weights, as a closed loop takes them, where every layer has a grid to put them on; ridge otherwise.

    Of 40 simulated sites their median held-out score was .64 against .56 by ridge, and what is made on them gains more.

    Example:
        >>> suggest_method(load_model(size=(112, 112)), ["blocks.1"]), suggest_method(load_model(), ["output"])
        ('factorised', 'ridge')
    """
    axes = observer.axes.all()
    return "factorised" if all((known := axes[layer]) is not None and known.has_grid for layer in layers) else "ridge"


def given_alike(
    openers: Sequence[Callable[..., Observer]],
    sets: Sequence[StimulusSet],
    ids: Sequence[str],
    wanted: tuple[int, int] | None = None,
) -> Iterator[tuple[Observer, str]]:
    """Observers, each given the stimuli of sets as they are where it can be, and in words why it is given them so.

    Args:
        openers: what opens each observer; takes what ``load_model`` does, such as ``seconds``.
        sets: all of one modality.
        wanted: (height, width) to show images at.
    """
    part = sets[0].modality.part("encoding")
    if part is None:
        yield from ((open_one(), BROUGHT) for open_one in openers)
    else:
        yield from part.given_alike(openers, sets, ids, wanted)


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
