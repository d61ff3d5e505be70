"""Weights from files, read so that nothing in the file is executed."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from synthstim.catalogue import WEIGHTS_FILES
from synthstim.errors import InputError

# Adversarial training (the package ``robustness``) holds a model a second time.
_COPY = "attacker."
_WRAPPERS = ("state_dict", "model", "model_state_dict")


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict from a .safetensors file, or from one of torch with ``weights_only=True``.

    A state dict nested under ``state_dict`` or ``model`` is found; a ``module.`` prefix is dropped.

    Raises:
        InputError: the file is missing, damaged, or holds more than tensors.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no weights file at {path}", "check the path")
    if not path.name.endswith(WEIGHTS_FILES):
        raise InputError(f"{path.name} is not a weights file; expected {', '.join(WEIGHTS_FILES)}")
    try:
        if path.suffix == ".safetensors":
            return safetensors.torch.load_file(str(path))
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # every reader has errors of its own for a damaged file
        # Not in torch's words, which advise to load unsafely.
        more = "" if path.suffix == ".safetensors" else ", or holds more than tensors"
        raise InputError(
            f"{path.name} cannot be read as plain weights (it is damaged{more})",
            "convert it (synthstim convert), or save a state dict",
            code="unreadable",
        ) from None
    content = unwrap(content)
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"{path.name} does not hold a state dict", "save model.state_dict()")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


@contextmanager
def same_random_weights() -> Iterator[None]:
    """Random weights are the same every time, so that a set made on them can be checked; nobody else's draws change."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield


def weights_called(weights: str | Path) -> str:
    """How an observer calls its weights: ``default``, ``random``, or the name of the file."""
    return str(weights) if str(weights) in ("default", "random") else Path(weights).name


def unwrap(content: Any) -> Any:
    """The state dict inside what a training script saved, if it lies under one of the usual keys."""
    for _ in _WRAPPERS:
        for wrapper in _WRAPPERS:
            if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
                content = content[wrapper]
    return content


def is_copy(name: str, names: Collection[str]) -> bool:
    """Whether a weight is that of a model's second copy, the first being among these names, too."""
    return _COPY in name and name.replace(_COPY, "", 1) in names


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
        raise InputError(f"{source} does not fit the model: it {' and '.join(filter(None, parts))}", code="mismatch")
    for name, value in state.items():
        if value.shape != wanted[name].shape:
            raise InputError(
                f"{source} does not fit: {name!r} is {tuple(value.shape)}, the model expects {tuple(wanted[name].shape)}",
                code="mismatch",
            )
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(f"{source} is damaged: {name!r} holds NaN or infinite values", code="unreadable")
    module.load_state_dict(state)


def checksum(module: nn.Module) -> str:
    """Sha256 of a state dict: names, shapes and bytes; of quantised weights also their scales.

    Raises:
        InputError: something in it has no bytes of a known kind.
    """
    digest = hashlib.sha256()
    state = module.state_dict()
    if isinstance(module, torch.jit.ScriptModule):
        # What torch.jit.freeze made holds its weights in its program.
        program: Any = module.inlined_graph  # Nodes are valid as long as their graph.
        nodes = [node for node in program.findAllNodes("prim::Constant") if node.hasAttribute("value")]
        held = [node.t("value") for node in nodes if node.kindOf("value") == "t"]
        state |= {f"constant {number}": value for number, value in enumerate(held)}
    for name, value in sorted(state.items()):
        try:
            for part in _parts(name, value):
                digest.update(part)
        except TypeError:
            raise InputError(
                f"{name!r} of {type(module).__name__} is a {type(value).__name__}, which has no checksum",
                "keep such weights in tensors",
                code="changed",
            ) from None
    return digest.hexdigest()


def _parts(name: str, value: Any) -> Iterator[bytes]:
    """What goes into the checksum for one entry of a state dict."""
    if isinstance(value, Tensor) and value.is_quantized:
        yield f"{name} {value.qscheme()} {value.dtype}".encode()
        if value.qscheme() in (torch.per_tensor_affine, torch.per_tensor_symmetric):
            yield from _parts(f"{name} scale", (value.q_scale(), value.q_zero_point()))
        else:
            scales = (value.q_per_channel_scales(), value.q_per_channel_zero_points(), value.q_per_channel_axis())
            yield from _parts(f"{name} scale", scales)
        value = value.int_repr()
    if isinstance(value, Tensor):
        array = value.detach().to_dense() if value.layout != torch.strided else value.detach()
        array = array.cpu().resolve_conj().resolve_neg().contiguous()
        yield f"{name} {tuple(array.shape)} {array.dtype}".encode()
        yield array.view(-1).view(torch.uint8).numpy().tobytes() if array.numel() else b""
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            yield from _parts(f"{name}.{key}", value[key])
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from _parts(f"{name}[{place}]", item)
    elif value is None or isinstance(value, str | bytes | int | float | torch.dtype):
        yield f"{name} {value!r}".encode()
    else:
        raise TypeError(name)
