"""An observer without some of its units: channels of its layers put out nothing, everywhere, until they are let speak again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.models.axes import CHANNEL


@contextmanager
def silenced(observer: Observer, channels: Mapping[str, Sequence[int]]) -> Iterator[None]:
    """Silence channels of layers while the block runs: whatever comes after a layer gets 0 from them.

    Args:
        observer: whose layers they are.
        channels: numbers of channels, by layer.

    Raises:
        InputError: a layer is unknown or cannot be changed, or has no such channel.

    Example:
        >>> with silenced(observer, {"blocks.1": [0, 3]}):
        ...     observer.activations(images, ["blocks.1"])["blocks.1"][:, [0, 3]].abs().max().item()
        0.0
    """
    masks = {layer: _mask(observer, layer, numbers) for layer, numbers in channels.items()}
    with ExitStack() as hooks:
        for layer, mask in masks.items():
            hooks.callback(observer.module.get_submodule(layer).register_forward_hook(_silencer(mask)).remove)
        yield


def _silencer(mask: Tensor) -> Any:
    return lambda _part, _given, output: output * mask.to(output)


def _mask(observer: Observer, layer: str, numbers: Sequence[int]) -> Tensor:
    """(*layer's axes), 0 at the channels and 1 elsewhere."""
    count = channel_count(observer, layer)
    if bad := [number for number in numbers if not 0 <= number < count]:
        raise InputError(
            f"channel {bad[0]} is outside {layer}, which has {count} channels: 0 to {count - 1}",
            code="unknown",
            value=bad[0],
        )
    axis = observer.axes_of(layer).names.index(CHANNEL)
    speaks = torch.ones(count)
    speaks[list(numbers)] = 0
    return speaks.view(*(-1 if at == axis else 1 for at in range(len(observer.layers[layer]))))


def channel_count(observer: Observer, layer: str) -> int:
    """How many channels a layer has.

    Raises:
        InputError: the layer is unknown, its axes are in doubt, or nothing in it can be silenced.
    """
    observer.require([layer])
    modules = dict(observer.module.named_modules())
    if layer not in modules or isinstance(modules[layer], torch.jit.ScriptModule):
        raise InputError(f"the layer {layer!r} of {observer.name} cannot be silenced", "choose one that is a module of its own", code="mismatch", value=layer)  # fmt: skip
    return observer.layers[layer][observer.axes_of(layer).names.index(CHANNEL)]
