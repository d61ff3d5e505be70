"""Weights from files, read so that nothing in the file is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from synthstim.errors import InputError

SUFFIXES = (".safetensors", ".pth", ".pt")
_WRAPPERS = ("state_dict", "model", "model_state_dict")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a .safetensors file, or from a .pth file with ``weights_only=True``.

    A state dict nested under ``state_dict`` or ``model`` is found; a ``module.`` prefix is dropped.

    Raises:
        InputError: the file is missing, damaged, or holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no weights file at {path}: check the path")
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path.name} is not a weights file: wanted {', '.join(SUFFIXES)}")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(str(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # every reader has errors of its own for a damaged file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{path.name} cannot be read as plain weights ({reason}): convert it (synthstim convert), or save a state dict"
        ) from None
    content = unwrap(content)
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path.name} does not hold a state dict: save model.state_dict()")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def unwrap(content: Any) -> Any:
    """The state dict inside what a training script saved, if it lies under one of the usual keys."""
    for _ in _WRAPPERS:
        for wrapper in _WRAPPERS:
            if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
                content = content[wrapper]
    return content


def load_into(module: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Load a state dict into a module.

    Raises:
        InputError: names or shapes differ; the first of each is named.
    """
    wanted = module.state_dict()
    # Files from before torch 0.4.1 lack this counter, which eval mode does not use; torch fills it in.
    missing = sorted(name for name in wanted.keys() - state.keys() if not name.endswith(".num_batches_tracked"))
    extra = sorted(state.keys() - wanted.keys())
    if missing or extra:
        parts = [
            f"lacks {missing[0]!r} ({len(missing)} in all)" if missing else "",
            f"has {extra[0]!r} too many" if extra else "",
        ]
        raise InputError(f"{source} does not fit the model: it {' and '.join(filter(None, parts))}")
    for name, value in state.items():
        if value.shape != wanted[name].shape:
            raise InputError(
                f"{source} does not fit: {name!r} is {tuple(value.shape)}, the model wants {tuple(wanted[name].shape)}"
            )
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(f"{source} is damaged: {name!r} holds NaN or infinite values")
    module.load_state_dict(state)
