"""Reading layers of any module: no further than the last layer asked for, and no hook left behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from synthstim.errors import InputError

RECTIFIERS = (nn.ReLU, nn.ReLU6)
OUTPUT = "output"


class _LastLayerRead(BaseException):
    """Ends a forward pass; a BaseException, so that no ``except Exception`` in a user's module swallows it."""


class _PassGradient(torch.autograd.Function):
    """A rectifier whose backward pass is the identity (Feather et al. 2023), so that dead units can recover."""

    @staticmethod
    def forward(ctx: Any, before: Tensor, top: float) -> Tensor:
        return before.clamp(0, top)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def read_layers(
    module: nn.Module, inputs: Tensor, layers: Sequence[str], *, through: Sequence[str] = ()
) -> dict[str, Tensor]:
    """Run a module up to the last of the layers and return what each put out.

    Args:
        module: any module, whatever its control flow.
        inputs: what its ``forward`` takes.
        layers: names as ``named_modules`` gives them, ``name@2`` for the second call of a module that runs
            more than once, ``output`` for the module's own output.
        through: those layers that, if they are rectifiers, pass gradients on unchanged.

    Returns:
        Activations by layer, batch first; later in-place operations of the module do not alter them.

    Raises:
        InputError: a layer is unknown, was never called, or put out something other than one tensor.
    """
    waiting = {layer for layer in layers if layer != OUTPUT}
    found: dict[str, Tensor] = {}

    def keep(layer: str, value: Tensor) -> None:
        found[layer] = value
        waiting.discard(layer)
        if not waiting and OUTPUT not in layers:
            raise _LastLayerRead

    with listen(module, sorted(waiting), keep, through=through):
        try:
            output = module(inputs)
            if OUTPUT in layers:
                found[OUTPUT] = output
        except _LastLayerRead:
            pass
    if waiting:
        layer = next(iter(waiting))
        raise InputError(f"layer {layer!r} was never called on this input", "choose another layer", value=layer)
    return {layer: found[layer] for layer in layers}


def listen(
    module: nn.Module, layers: Sequence[str], keep: Callable[[str, Tensor], None], *, through: Sequence[str] = ()
) -> ExitStack:
    """Have ``keep(layer, activations)`` called once for each of the layers when it has been computed.

    Args:
        module, layers, through: as for ``read_layers``, without ``output``.
        keep: is called in the middle of the module's forward pass; what it raises ends that pass.

    Returns:
        What removes the hooks when it is closed.

    Raises:
        InputError: when a layer is computed, if it outputs something other than one tensor.
    """
    waiting = {_split(layer): layer for layer in layers}

    def give(key: tuple[str, int], value: Any) -> None:
        layer = waiting.pop(key)
        if not isinstance(value, Tensor):
            raise InputError(
                f"layer {layer!r} outputs a {type(value).__name__}, not a tensor",
                "choose a layer inside it",
                value=layer,
            )
        # The clone shields what was read from in-place operations further on, even of a module that catches everything.
        keep(layer, value.clone())

    with ExitStack() as hooks:
        for name in {name for name, _ in waiting}:
            _hook(module.get_submodule(name), name, waiting, give, set(through), hooks)
        return hooks.pop_all()


def _hook(part: nn.Module, name: str, waiting: dict, keep: Any, through: set[str], hooks: ExitStack) -> None:
    # Calls are counted as they finish, as ``survey`` does: one that fails, or calls itself, is not counted twice.
    finished = 0

    def before(_part: nn.Module, args: tuple, named: dict[str, Any]) -> None:
        key = (name, finished + 1)
        if waiting.get(key) in through:
            # Read here, because an in-place rectifier overwrites its input.
            top = 6.0 if isinstance(part, nn.ReLU6) else torch.inf
            keep(key, _PassGradient.apply(args[0] if args else named["input"], top))

    def after(output: Any) -> None:
        nonlocal finished
        finished += 1
        if (name, finished) in waiting:
            keep((name, finished), output)

    if isinstance(part, RECTIFIERS):
        hooks.callback(part.register_forward_pre_hook(before, with_kwargs=True).remove)
    hook_calls(part, after, hooks)


def hook_calls(part: nn.Module, done: Callable[[Any], None], hooks: ExitStack) -> None:
    """Have ``done(output)`` called each time a part has run, until the hooks are closed; TorchScript takes no hook."""
    if not isinstance(part, torch.jit.ScriptModule):
        hooks.callback(part.register_forward_hook(lambda _part, _args, output: done(output)).remove)


def _split(layer: str) -> tuple[str, int]:
    name, at, call = layer.rpartition("@")
    return (name, int(call)) if at and call.isdecimal() else (layer, 1)
