"""Where a batch stands, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True)
class Progress:
    """Where a batch stands: yielded every few evaluations.

    Attributes:
        evaluations: spent on each running item.
        running: items that have not stopped.
        best: best score of each item so far.
        message: something the user should know (memory ran out, ...), or "".
    """

    evaluations: int
    running: int
    best: list[float]
    message: str = ""


@dataclass(frozen=True)
class Synthesis:
    """What came of a batch.

    Attributes:
        stimuli: (batch, *shape) display values in [0, 1] or full scale, each item's best, on the CPU.
        latents: (batch, ...) behind them.
        scores: best score of each item.
        evaluations: forward and backward passes each item took.
        converged: whether a target or a plateau ended it, not a budget.
        still: whether its units never had a gradient, so that nothing could move them.
        curves: for each item, (evaluations, best score) at every few evaluations.
    """

    stimuli: Tensor
    latents: Tensor
    scores: list[float]
    evaluations: list[int]
    converged: list[bool]
    still: list[bool]
    curves: list[list[tuple[int, float]]] = field(repr=False)
