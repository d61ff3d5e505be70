"""What every parametrisation keeps to: latents that an optimiser moves render to stimuli."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.base import Modality


class Parametrisation(Protocol):
    """The contract: ``render`` is differentiable, ``project`` keeps latents renderable.

    One that has ``invert`` too is ``Invertible``: synthesis can start from a stimulus, and go on from that of another
    parametrisation. The latents of one that has not, such as those of a generator, are kept with the stimuli of a set.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(channel, y, x) or (time,) of a stimulus."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one item's latents."""

    def render(self, latents: Tensor) -> Tensor:
        """Latents (batch, ...) -> stimuli (batch, *shape), display values in [0, 1] or full scale in [-1, 1]."""

    def project(self, latents: Tensor) -> Tensor:
        """Bring latents back to where they render in range, in place."""


@runtime_checkable
class Invertible(Parametrisation, Protocol):
    """A parametrisation that reaches every stimulus."""

    def invert(self, stimuli: Tensor) -> Tensor:
        """Latents that render to these stimuli."""


@runtime_checkable
class Drawing(Parametrisation, Protocol):
    """A parametrisation whose latents have a prior of their own."""

    def draw(self, generator: torch.Generator) -> Tensor:
        """One item's latents from it, of shape ``latent_shape``."""


def latents_of(parametrisation: Parametrisation, stimuli: Tensor) -> Tensor:
    """The latents of stimuli (batch, *shape).

    Raises:
        InputError: the parametrisation cannot be inverted.
    """
    if not isinstance(parametrisation, Invertible):
        raise InputError(
            f"{type(parametrisation).__name__} has no invert: its latents cannot be found from a stimulus",
            "start from pink or white noise",
            code="mismatch",
        )
    return parametrisation.invert(stimuli)


def first_latents(
    parametrisation: Parametrisation, start: str, modality: Modality, generators: Sequence[torch.Generator]
) -> Tensor:
    """Where synthesis starts: the latents of weak noise; or, where they cannot be found, draws from their prior or independent normal numbers.

    Args:
        start: of the modality's noise.
        generators: one for each item, on the CPU.

    Example:
        >>> seeds = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
        >>> first_latents(Pixels((3, 32, 32)), "pink", observer.input.modality, seeds).shape
        torch.Size([2, 3, 32, 32])
    """
    # One by one, so that an item starts from the very same latents whoever shares the batch.
    if isinstance(parametrisation, Invertible):
        noise = (modality.noise(start, parametrisation.shape, [own]) for own in generators)
        return torch.cat([parametrisation.invert(one) for one in noise])
    if isinstance(parametrisation, Drawing):
        return torch.stack([parametrisation.draw(own) for own in generators])
    shape = parametrisation.latent_shape
    return torch.stack([torch.randn(shape, generator=own, dtype=torch.float64) for own in generators])
