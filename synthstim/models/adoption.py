"""Taking a network over: what it computes stays what it was."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from synthstim.errors import InputError

# What computes in parallel or compiled holds the network under one of these names; hooks reach only the network itself.
_WRAPPERS = (("DataParallel", "module"), ("DistributedDataParallel", "module"), ("OptimizedModule", "_orig_mod"))

# PyTorch 2.3's own dtype.to_real and to_complex lose a reference a call, until the interpreter dies.
_COMPLEX = {torch.float16: torch.complex32, torch.float32: torch.complex64, torch.float64: torch.complex128}
_REAL = {complex_dtype: dtype for dtype, complex_dtype in _COMPLEX.items()}


def adopted(given: object) -> nn.Module:
    """The network itself, frozen and in eval mode; nothing of it is cast or moved.

    Raises:
        InputError: it is no module, or has no weights yet.
    """
    if not isinstance(given, nn.Module):
        kind = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
        hint = "give its .module()" if kind == "ExportedProgram" else "make one of it"
        raise InputError(f"an observer needs a torch.nn.Module, {kind} given: {hint}")
    module = given
    while inner := next((name for wrapper, name in _WRAPPERS if type(module).__name__ == wrapper), None):
        module = getattr(module, inner)
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name, tensor in tensors.items():
        if nn.parameter.is_lazy(tensor) or tensor.device.type == "meta":
            raise InputError(
                f"{name} of {type(module).__name__} has no values yet", "run it once, and load its weights"
            )
    with suppress(NotImplementedError):  # What torch.export makes has one mode only.
        module.eval()
    # One by one, as TorchScript and parameters of whole numbers take it no other way.
    for parameter in module.parameters():
        if parameter.is_floating_point() or parameter.is_complex():
            parameter.requires_grad_(False)
    return module


def real_dtype(module: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Where a network is, and in which floating-point numbers it computes, by the first of its parameters or buffers."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point() or tensor.is_complex():
            return tensor.device, _REAL.get(tensor.dtype, tensor.dtype)
    return torch.device("cpu"), torch.float32


def move(module: nn.Module, device: torch.device, dtype: torch.dtype | None = None) -> None:
    """Move a network to a device and, if one is given, to a floating-point dtype; complex numbers stay complex.

    Raises:
        InputError: it holds complex numbers, and there are none of this precision.
    """
    held = any(tensor.is_complex() for tensor in (*module.parameters(), *module.buffers()))
    if dtype == torch.bfloat16 and held:
        raise InputError(f"{type(module).__name__} holds complex numbers, which bfloat16 cannot hold", "choose float32")

    def moved(tensor: Tensor) -> Tensor:
        if dtype is None or not (tensor.is_floating_point() or tensor.is_complex()):
            return tensor.to(device)
        return tensor.to(device, _COMPLEX[dtype] if tensor.is_complex() else dtype)

    apply: Any = module._apply  # What Module.to is made of; Module.to drops imaginary parts.
    apply(moved)
