"""Checkpoints of a network with another head, or with none: what fits is loaded, and what does not cannot be read."""

from __future__ import annotations

import re
import warnings

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models.weights import is_copy, load_into

# What stands behind the layers of a network, or beside it while it is trained.
_HEAD = re.compile(r"(head\w*|fc\w*|classifier|last_linear|linear|logits|project\w+|predict\w+|prototypes|aux\w*|n_averaged)(\..+)?", re.I)  # fmt: skip


def load_checkpoint(module: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Load a checkpoint that may lack the last of the network's weights, or hold others in their place; says so once.

    Weights that are lacking become NaN, so that no layer that needs them can be read.

    Args:
        state: names may begin with those of a wrapper, such as ``module.`` or ``backbone.``.
        source: how messages call the checkpoint.

    Raises:
        InputError: something else differs.
    """
    state = _unwrapped(state, next(iter(module.state_dict()), ""), source)
    wanted = {name: value for name, value in module.state_dict().items() if not name.endswith(".num_batches_tracked")}
    lacking = [name for name, value in wanted.items() if name not in state or state[name].shape != value.shape]
    extra = [name for name in state if name not in module.state_dict()]
    tops = {name.partition(".")[0] for name in lacking}
    is_last = lacking == list(wanted)[len(wanted) - len(lacking) :] and len(lacking) < len(wanted)
    is_head = all(_HEAD.fullmatch(name) or name.partition(".")[0] in tops for name in extra)
    if not (is_last and is_head and all(wanted[name].is_floating_point() for name in lacking)):
        # Says what differs.
        return load_into(module, state, source)
    kept = {name: value for name, value in state.items() if name not in {*lacking, *extra}}
    load_into(module, kept | {name: wanted[name] for name in lacking}, source)
    if lacking:
        module.load_state_dict({name: torch.full_like(wanted[name], torch.nan) for name in lacking}, strict=False)
        warnings.warn(
            f"{source} {_differs(lacking[0], state, wanted)}: layers that need it cannot be read", stacklevel=3
        )
    return None


def _differs(name: str, state: dict[str, Tensor], wanted: dict[str, Tensor]) -> str:
    if name not in state:
        return f"lacks {name!r}"
    return f"has {name!r} of {tuple(state[name].shape)}, the network wants {tuple(wanted[name].shape)}"


def _unwrapped(state: dict[str, Tensor], first: str, source: str) -> dict[str, Tensor]:
    """The state under the names of the network, whose first weight this is, without those of what wraps it."""
    state = {name: value for name, value in state.items() if not is_copy(name, state)}
    prefixes = [name.removesuffix(first) for name in state if first and f".{name}".endswith(f".{first}")]
    if "" in prefixes or not prefixes:
        return state
    sizes = [sum(name.startswith(prefix) for name in state) for prefix in prefixes]
    if sizes.count(max(sizes)) > 1:
        several = " and ".join(repr(prefix) for prefix, size in zip(prefixes, sizes, strict=True) if size == max(sizes))
        raise InputError(f"{source} holds the network several times, under {several}", "save the one that is meant")
    prefix = prefixes[sizes.index(max(sizes))]
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
