"""What every parametrisation keeps to: latents that an optimiser moves render to stimuli."""

from typing import Protocol

from torch import Tensor


class Parametrisation(Protocol):
    """The contract: ``render`` is differentiable, ``invert`` undoes it, ``project`` keeps latents renderable."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(channel, y, x) or (time,) of a stimulus."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one item's latents."""

    def render(self, latents: Tensor) -> Tensor:
        """Latents (batch, ...) -> stimuli (batch, *shape), display values in [0, 1] or full scale in [-1, 1]."""

    def invert(self, stimuli: Tensor) -> Tensor:
        """Latents that render to these stimuli."""

    def project(self, latents: Tensor) -> Tensor:
        """Bring latents back to where they render in range, in place."""
