"""Units that noise does not excite: the rectifiers before them are shut, and nothing says how to open them.

A gradient is then passed on through shut gates, wherever it would open them, until the units respond; Olah et al. 2017
redirect gradients so in the first steps. Gates are found in the graph of the evaluation, so that it does not matter
whether a network writes them as modules, as functions or as comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor

Shut = tuple[Tensor, Tensor]
# A slope this small is none: single precision loses its square, by which Adam scales its steps.
NO_SLOPE = 1e-8
# Input below which exponential linear units and softplus have no slope.
FLAT = -18.0
# Where GELU, SiLU, Mish and Hardswish are lowest: below, they rise towards minus infinity, and nothing comes of it.
LOWEST = {"GeluBackward0": -0.7518, "SiluBackward0": -1.2785, "MishBackward0": -1.1925, "HardswishBackward0": -1.5}


class Waking(NamedTuple):
    """What a batch needs to respond.

    Attributes:
        still: items (batch,) of which no unit has a gradient in the direction that is wanted.
        asleep: items (batch,) for which there is a way to open what is shut.
        gradient: (batch, *latent) along that way; 0 elsewhere.
    """

    still: Tensor
    asleep: Tensor
    gradient: Tensor


def waking(aims: Tensor, read: Sequence[Tensor], latents: Tensor) -> Waking:
    """Find the items whose units are to move but have no gradient, and a gradient that leads towards one.

    Args:
        aims: (batch,) what is wanted of the units, computed from ``read``.
        read: activations (batch, ...) computed from the latents; their graph is kept.
        latents: (batch, *latent).
    """
    wishes = [
        torch.zeros_like(layer) if wish is None else wish
        for layer, wish in zip(
            read, torch.autograd.grad(aims.sum(), read, retain_graph=True, allow_unused=True), strict=True
        )
    ]
    gates = list(_gates(read))
    still = torch.ones(len(latents), dtype=torch.bool, device=latents.device)
    asleep, gradient = ~still, torch.zeros_like(latents)
    for wanted in ([wish.clamp_min(0) for wish in wishes], [wish.clamp_max(0) for wish in wishes]):
        moves = _any(_backward(read, wanted, latents, gates, _through_open))
        still &= ~moves
        stuck = torch.stack([_any(wish) for wish in wanted]).any(0) & ~moves
        if bool(stuck.any()):
            opened = _backward(read, wanted, latents, gates, _through_shut)
            stuck &= _any(opened)
            asleep |= stuck
            gradient += opened * stuck.view(-1, *[1] * (latents.ndim - 1))
    return Waking(still, asleep, gradient)


def _through_open(gradient: Tensor, _behind: Tensor, shut: Shut) -> Tensor:
    return gradient.masked_fill(shut[0] | shut[1], 0)


def _through_shut(gradient: Tensor, behind: Tensor, shut: Shut) -> Tensor:
    """Where nothing of an item passes, open the place that is wanted most: by a rise from below, by a fall from above.

    One place, since what opens one may shut its neighbours; it leads on to the others.
    """
    passed = gradient.masked_fill(shut[0] | shut[1], 0)
    opening = behind.masked_fill(~((shut[0] & (behind > 0)) | (shut[1] & (behind < 0))), 0)
    blocked = ~_any(passed)
    return torch.where(blocked.view(-1, *[1] * (passed.ndim - 1)), _most_wanted(opening), passed)


def _most_wanted(opening: Tensor) -> Tensor:
    """The largest value of each item alone; of many as large, the one in the middle."""
    size = opening.flatten(1).abs()
    largest = size >= 0.999 * size.amax(1, keepdim=True)
    middle = largest & (largest.cumsum(1) == (largest.sum(1, keepdim=True) + 1) // 2)
    return opening * middle.view_as(opening)


def _backward(
    read: Sequence[Tensor],
    wanted: Sequence[Tensor],
    latents: Tensor,
    gates: list[tuple[Any, Shut]],
    rule: Callable[[Tensor, Tensor, Shut], Tensor],
) -> Tensor:
    with ExitStack() as hooks:
        for node, shut in gates:
            hooks.callback(node.register_hook(_hook(shut, rule)).remove)
        (gradient,) = torch.autograd.grad(read, latents, wanted, retain_graph=True, allow_unused=True)
    return torch.zeros_like(latents) if gradient is None else gradient


def _hook(shut: Shut, rule: Callable[[Tensor, Tensor, Shut], Tensor]) -> Callable[..., Any]:
    def replace(into: tuple[Tensor | None, ...], behind: tuple[Tensor, ...]) -> tuple[Tensor | None, ...]:
        return tuple(
            one if one is None or one.shape != shut[0].shape or behind[0] is None else rule(one, behind[0], shut)
            for one in into
        )

    return replace


def _gates(read: Sequence[Tensor]) -> Iterator[tuple[Any, Shut]]:
    """Every gate between the latents and what is read of them, with where it is shut from below and from above."""
    waiting: list[Any] = [layer.grad_fn for layer in read]
    seen = set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        waiting += [before for before, _ in node.next_functions]
        shut = _shut(node)
        if shut is not None and bool((shut[0] | shut[1]).any()):
            yield node, shut


def _shut(node: Any) -> Shut | None:
    name = node.name()
    live = [place for place, (before, _) in enumerate(node.next_functions) if before is not None]
    if name in LOWEST:
        return _below(node._saved_self <= LOWEST[name])
    if name == "ReluBackward0":
        return _below(node._saved_result <= 0)
    if name == "PowBackward0":
        return _below(node._saved_self == 0)
    if name in ("ThresholdBackward0", "ThresholdBackward1"):
        return _below(node._saved_self <= node._saved_threshold)
    if name in ("EluBackward0", "CeluBackward0", "SoftplusBackward0"):
        return _below(node._saved_self <= FLAT)
    if name == "HardsigmoidBackward0":
        return node._saved_self <= -3, node._saved_self >= 3
    if name == "SigmoidBackward0":
        result = node._saved_result
        return _ends(result, result * (1 - result), 0.5)
    if name == "TanhBackward0":
        return _ends(node._saved_result, 1 - node._saved_result.square(), 0.0)
    if name.startswith(("Hardtanh", "Clamp")):
        return _bounded(node)
    if len(live) == 1 and name == "MaximumBackward0":
        values = (node._saved_self, node._saved_other)
        return _below(values[live[0]] <= values[1 - live[0]])
    if len(live) == 1 and name == "WhereBackward0":
        return _below(~node._saved_condition if live[0] == 0 else node._saved_condition)
    if len(live) == 1 and name == "MulBackward0":
        mask = node._saved_other if live[0] == 0 else node._saved_self
        return None if mask is None or not isinstance(mask, Tensor) else _below(mask == 0)
    return None


def _below(shut: Tensor) -> Shut:
    return shut, torch.zeros_like(shut)


def _ends(result: Tensor, slope: Tensor, middle: float) -> Shut:
    return (slope < NO_SLOPE) & (result < middle), (slope < NO_SLOPE) & (result >= middle)


def _bounded(node: Any) -> Shut:
    values = node._saved_self
    low, high = (
        next((value for at in names if (value := getattr(node, at, None)) is not None), end)
        for names, end in (
            (("_saved_min", "_saved_min_val"), -torch.inf),
            (("_saved_max", "_saved_max_val"), torch.inf),
        )
    )
    return values <= low, values >= high


def _any(values: Tensor) -> Tensor:
    """Whether anything of an item (batch, ...) is not zero."""
    return (values != 0).flatten(1).any(1)
