"""The latents of a decoder, such as a generator or a renderer of heads: some are moved within their priors, the others held."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from synthstim.decoders import (
    Decoder,
    decode,
    draws,
    in_units,
    open_decoder,
    parts_of,
    placed,
    require_within,
    standardised,
)
from synthstim.errors import InputError
from synthstim.models import ImageInput
from synthstim.recipe.registered import Offer, Options

Value = Annotated[float, Field(ge=-1_000_000, le=1_000_000)]
Held = Mapping[str, float | Sequence[float]]


class DecoderOptions(Options):
    """The image is optimised as the latents of a decoder.

    Attributes:
        decoder: its name, as ``synthstim decoders`` lists it.
        hold: values, in their own units, of latents that are not moved, by the name of a latent or of a group.
        within: share of the draws from a normal prior among which latents stay.
    """

    kind: Literal["decoder"] = "decoder"
    decoder: str = "head"
    hold: dict[str, Value | list[Value]] = Field(default={})
    within: float = Field(default=0.99, gt=0, lt=1)


@dataclass(frozen=True)
class Decoded:
    """Each latent is one of a decoder's, in standard deviations of its prior.

    Attributes:
        decoder: what renders.
        hold: see ``DecoderOptions``.
        within: see ``DecoderOptions``. Groups with a normal prior stay in the ball that holds this share of it, uniform latents between their ends.

    Raises:
        InputError: what is held is unknown, outside its prior, or all there is; or the decoder makes what cannot be used.

    Example:
        >>> frontal = Decoded(open_decoder("head", (3, 32, 32)), hold={"pose": 0, "light": [20, 30]})
        >>> latents = frontal.draw(torch.Generator().manual_seed(1))[None]
        >>> frontal.named(latents)["yaw"].item(), frontal.render(latents).shape
        (0.0, torch.Size([1, 3, 32, 32]))
    """

    decoder: Decoder
    hold: Held = field(default_factory=dict)
    within: float = 0.99

    def __post_init__(self) -> None:
        if not 0 < self.within < 1:
            raise InputError(f"within {self.within:g} given; expected more than 0 and less than 1")
        require_within(self.decoder, self._held, self.within)
        if len(self._held) == sum(self.latent_shape):
            raise InputError("all latents are held", "leave some to be moved")

    @property
    def shape(self) -> tuple[int, ...]:
        """(channel, y, x) of a stimulus."""
        return tuple(self.decoder.shape)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """(latent,)."""
        return (sum(len(group.names) for group in self.decoder.groups),)

    def render(self, latents: Tensor) -> Tensor:
        """Latents (batch, latent) -> images (batch, channel, y, x), display values in [0, 1]."""
        # What is beyond by rounding alone.
        return decode(self.decoder, self.in_units(latents)).clamp(0, 1)

    def project(self, latents: Tensor) -> Tensor:
        """Bring latents back into their priors, and those that are held to their values, in place."""
        held, free = self._tables
        latents[..., ~free] = held[~free].to(latents)
        for group, part in parts_of(self.decoder):
            reach, own, moved = group.reach(self.within), latents[..., part], free[part].to(latents.device)
            if group.prior == "uniform":
                own.clamp_(-reach, reach)
                continue
            room = math.sqrt(max(reach**2 - float(held[part].square().sum()), 0.0))
            length = (own * moved).norm(dim=-1, keepdim=True)
            own.mul_(torch.where(moved, (room / length.clamp_min(1e-12)).clamp_max(1), 1.0))
        return latents

    def draw(self, generator: torch.Generator) -> Tensor:
        """One item's latents (latent,), from their priors."""
        return self.project(standardised(self.decoder, draws(self.decoder, 1, generator)))[0]

    def in_units(self, latents: Tensor) -> Tensor:
        """All latents of the decoder (batch, latent), held ones too, in their own units."""
        held, free = (table.to(latents.device) for table in self._tables)
        return in_units(self.decoder, torch.where(free, latents, held.to(latents.dtype)))

    def named(self, latents: Tensor) -> dict[str, Tensor]:
        """The latents of the decoder, by name, in their own units: (batch,) each."""
        names = [name for group in self.decoder.groups for name in group.names]
        return dict(zip(names, self.in_units(latents).unbind(1), strict=True))

    @property
    def free(self) -> Tensor:
        """(latent,) which are moved."""
        return self._tables[1]

    @cached_property
    def _held(self) -> dict[int, float]:
        return placed(self.decoder, self.hold)

    @cached_property
    def _tables(self) -> tuple[Tensor, Tensor]:
        """Values (latent,) of those held, in standard deviations, and which are free."""
        free, values = (
            torch.ones(self.latent_shape, dtype=torch.bool),
            torch.zeros(self.latent_shape, dtype=torch.float64),
        )
        for number, value in self._held.items():
            free[number], values[number] = False, value
        return torch.where(free, 0.0, standardised(self.decoder, values[None])[0]), free


def _make(input: ImageInput, *, decoder: str = "head", hold: Held | None = None, within: float = 0.99) -> Decoded:
    return Decoded(open_decoder(decoder, input.shape), hold or {}, within)


PARAMETRISATION = Offer(DecoderOptions, _make, "image")
