"""What every decoder keeps to: groups of latents with a prior each, and the images that they decode to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class LatentGroup:
    """A group of latents that belong together, such as the shape of a head.

    Attributes:
        name: of the group.
        names: of its latents.
        prior: ``normal``, with mean ``centre`` and standard deviation ``scale``, or ``uniform``, from ``centre - scale`` to ``centre + scale``.
        centre, scale: one for all, or one for each latent, in their own unit.
        unit: of its latents, such as ``degrees``.
    """

    name: str
    names: tuple[str, ...]
    prior: str = "normal"
    centre: float | tuple[float, ...] = 0.0
    scale: float | tuple[float, ...] = 1.0
    unit: str = ""

    @classmethod
    def numbered(cls, name: str, count: int) -> LatentGroup:
        """Standard normal latents ``name_1``, ``name_2``, ...

        Example:
            >>> LatentGroup.numbered("z", 3).names
            ('z_1', 'z_2', 'z_3')
        """
        return cls(name, tuple(f"{name}_{number}" for number in range(1, count + 1)))

    def reach(self, within: float) -> float:
        """How far from its centre the group may be, in standard deviations: all its latents together where the prior is normal, each where it is uniform.

        Args:
            within: share of the draws from a normal prior that are allowed.

        Example:
            >>> round(LatentGroup.numbered("z", 30).reach(0.99), 2)
            7.13
        """
        if self.prior == "uniform":
            return math.sqrt(3)
        # Imported where it is used: most recipes have no decoder.
        from scipy.stats import chi2

        return math.sqrt(chi2.ppf(within, len(self.names)))


class Decoder(Protocol):
    """Latents -> images, differentiable: a generator, the second half of an autoencoder, a renderer."""

    @property
    def groups(self) -> Sequence[LatentGroup]:
        """Of latents, in their order."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(channel, y, x) of an image."""

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (batch, latent), in their own units -> images (batch, channel, y, x), display values in [0, 1]."""
