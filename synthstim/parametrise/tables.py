"""Tables that a parametrisation computes once, in double precision, and holds for each device and precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class Tables:
    """Tables, as far as they were asked for."""

    def __init__(self) -> None:
        self._held: dict[tuple[torch.device, torch.dtype], tuple[Tensor, ...]] = {}

    def like(self, given: Tensor, make: Callable[[], Sequence[Tensor]]) -> tuple[Tensor, ...]:
        """The tables on the device of a tensor, in its precision."""
        key = (given.device, given.dtype)
        if key not in self._held:
            self._held[key] = tuple(table.to(given.dtype).to(given.device) for table in make())
        return self._held[key]
