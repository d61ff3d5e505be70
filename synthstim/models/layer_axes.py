"""The axes of an observer's layers: as they are declared, or else as a probe finds them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import permutations
from typing import TYPE_CHECKING

import torch

from synthstim.errors import InputError, nearest
from synthstim.models.axes import CHANNEL, TOKEN, Axes
from synthstim.models.axis_probe import Seen, answers
from synthstim.models.capture import OUTPUT, listen

if TYPE_CHECKING:
    from synthstim.models.observer import Observer


class LayerAxes:
    """What the axes of each layer stand for.

    Args:
        observer: whose layers they are; its network runs once on five stimuli, when a layer is first asked for that has
            several axes and is not declared.
        declared: layer, or pattern such as ``blocks.*`` for all layers with as many axes -> axes, such as ``y x channel``.
            A layer's own name comes before patterns, an earlier pattern before a later one.

    Raises:
        InputError: axes are declared in words that make no sense.
    """

    def __init__(self, observer: Observer, declared: Mapping[str, str]) -> None:
        self._observer = observer
        self.declared = dict(declared)
        self._parsed = {}
        for pattern, text in self.declared.items():
            try:
                self._parsed[pattern] = Axes.parse(text)
            except InputError as error:
                raise InputError(f"axes of {pattern}: {error}") from None
        self._asked: dict[str, str] = {}

    def of(self, layer: str) -> Axes:
        """The axes of a layer.

        Raises:
            InputError: they are in doubt, or what is declared does not fit.
        """
        self._observer.require([layer])
        axes = self._known(layer)
        if axes is None:
            raise InputError(self._doubt(layer), code="in-doubt", value=layer)
        if axes.places:
            self._asked[layer] = str(axes)
        return axes

    def require_fitting(self) -> None:
        """Raise InputError unless what is declared fits the layers."""
        self._fitting  # noqa: B018 - compares them

    @property
    def words(self) -> dict[str, str]:
        """What is declared, and each layer that was asked for: what reads the same layers the same again."""
        return {**self.declared, **dict(sorted(self._asked.items()))}

    def all(self) -> dict[str, Axes | None]:
        """Every layer's axes; None where they are in doubt."""
        return {layer: self._known(layer) for layer in self._observer.layers}

    def _known(self, layer: str) -> Axes | None:
        if layer in self._fitting:
            return self._fitting[layer]
        return Axes((CHANNEL,)) if len(self._observer.layers[layer]) == 1 else self._found.get(layer)

    @cached_property
    def _fitting(self) -> dict[str, Axes]:
        """The layers that are declared."""
        shapes, name = self._observer.layers, self._observer.name
        out: dict[str, Axes] = {}
        for pattern in sorted(self._parsed, key=lambda pattern: pattern not in shapes):
            axes = self._parsed[pattern]
            meant = [pattern] if pattern in shapes else [layer for layer in shapes if fnmatchcase(layer, pattern)]
            if not meant:
                raise InputError(
                    f"axes of {name} name {pattern!r}, but no layer is called so: {nearest(pattern, shapes)}"
                )
            faults = {layer: axes.fault(shapes[layer]) for layer in meant}
            fitting = [layer for layer in meant if not faults[layer]]
            if not fitting:
                raise InputError(f"axes of {name}: {meant[0]} {faults[meant[0]]}")
            for layer in fitting:
                out.setdefault(layer, axes)
        return out

    @cached_property
    def _found(self) -> dict[str, Axes | None]:
        """What a probe finds; of a network that does not run on it, what its modules say."""
        observer = self._observer
        # As of layers that answer nothing.
        seen = {layer: [torch.zeros(2, side) for side in shape] for layer, shape in observer.layers.items()}

        def keep(layer: str, values: torch.Tensor) -> None:
            if len(values) == len(shown):
                seen[layer] = answers(values)

        shown = observer.input.halves().to(observer.device, observer.dtype)
        inside = [layer for layer in observer.layers if layer != OUTPUT]
        with torch.no_grad(), suppress(Exception), listen(observer.module, inside, keep):
            # A module that is shown five stimuli at once may raise anything.
            output = observer.module(observer.preprocess(shown))
            if OUTPUT in observer.layers:
                keep(OUTPUT, output)
        return Seen(observer.input.places, observer.input.aspect, seen).axes(dict(observer.module.named_modules()))

    def _doubt(self, layer: str) -> str:
        shape = self._observer.layers[layer]
        sides = " x ".join(map(str, shape))
        first, second = self._observer.input.places
        line = ("frame",) if second == "frame" else (TOKEN,)
        places = {2: line, 3: (first, second)}.get(len(shape))
        if places is None:
            return (
                f"{layer} of {self._observer.name} ({sides}) has no axes that a channel could be read from: use indices"
            )
        orders = [
            names for names in permutations((CHANNEL, *places)) if tuple(n for n in names if n in places) == places
        ]
        return (
            f"{layer} of {self._observer.name} ({sides}) may be {', '.join(map(' '.join, orders[:-1]))} or"
            f" {' '.join(orders[-1])}: declare axes of the observer, such as {{'{layer}': '{' '.join(orders[0])}'}}, or use indices"
        )
