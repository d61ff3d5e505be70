"""Priors of a decoder's latents: standard deviations, draws, and how far is too far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from synthstim.decoders.base import Decoder, LatentGroup
from synthstim.errors import InputError, nearest


def names_of(decoder: Decoder) -> list[str]:
    """The names of all latents, in their order."""
    return [name for group in decoder.groups for name in group.names]


def parts_of(decoder: Decoder) -> Iterator[tuple[LatentGroup, slice]]:
    """Each group, and where it lies among the latents."""
    at = 0
    for group in decoder.groups:
        yield group, slice(at, at + len(group.names))
        at += len(group.names)


def standard(decoder: Decoder) -> tuple[Tensor, Tensor]:
    """The centre and the standard deviation (latent,) of each latent's prior."""
    centres, spreads = [], []
    for group in decoder.groups:
        centre, scale = (
            torch.tensor(value, dtype=torch.float64).expand(len(group.names)) for value in (group.centre, group.scale)
        )
        centres.append(centre)
        spreads.append(scale if group.prior == "normal" else scale / math.sqrt(3))
    return torch.cat(centres), torch.cat(spreads)


def standardised(decoder: Decoder, latents: Tensor) -> Tensor:
    """Latents (batch, latent) in standard deviations of their priors, from their centres."""
    centre, spread = (part.to(latents) for part in standard(decoder))
    return (latents - centre) / spread


def in_units(decoder: Decoder, standardised: Tensor) -> Tensor:
    """Latents (batch, latent) in their own units, of those in standard deviations."""
    centre, spread = (part.to(standardised) for part in standard(decoder))
    return centre + spread * standardised


def draws(decoder: Decoder, count: int, generator: torch.Generator) -> Tensor:
    """Latents (count, latent) from their priors, in their own units, in double precision.

    Args:
        generator: on the CPU; the same seed gives the same latents.

    Example:
        >>> draws(open_decoder("head", (3, 32, 32)), 2, torch.Generator().manual_seed(0)).shape
        torch.Size([2, 50])
    """
    drawn = []
    for group in decoder.groups:
        shape = count, len(group.names)
        if group.prior == "normal":
            drawn.append(torch.randn(shape, generator=generator, dtype=torch.float64))
        else:
            drawn.append((2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) * math.sqrt(3))
    return in_units(decoder, torch.cat(drawn, 1))


def placed(decoder: Decoder, given: Mapping[str, float | Sequence[float]]) -> dict[int, float]:
    """Values of latents by their number, given by the names of latents or of whole groups, in their own units.

    Raises:
        InputError: a name is unknown, a group is given another number of values, or a latent is given twice.

    Example:
        >>> placed(open_decoder("head", (3, 32, 32)), {"pose": [30, 0], "azimuth": -20})
        {46: 30.0, 47: 0.0, 48: -20.0}
    """
    names = names_of(decoder)
    values: dict[int, float] = {}
    spans = {group.name: range(part.start, part.stop) for group, part in parts_of(decoder)}
    spans |= {name: range(number, number + 1) for number, name in enumerate(names) if name not in spans}
    for name, value in given.items():
        if name not in spans:
            raise InputError(f"the decoder has no latents {name!r}", nearest(name, spans), code="unknown", value=name)
        span = spans[name]
        each = [float(one) for one in value] if isinstance(value, Sequence) else [float(value)] * len(span)
        if len(each) != len(span):
            raise InputError(f"{len(each)} values of {name} given; expected {len(span)}", code="mismatch", value=name)
        if again := [names[number] for number in span if number in values]:
            raise InputError(f"{again[0]} is given twice, once by its group", "give it once", value=name)
        values |= dict(zip(span, each, strict=True))
    return values


def require_within(decoder: Decoder, values: Mapping[int, float], within: float) -> None:
    """Raise InputError if latents, in their own units by their number, lie outside their prior.

    Args:
        within: share of the draws from a normal prior that lie nearer to its centre than is allowed.

    Example:
        >>> head = open_decoder("head", (3, 32, 32))
        >>> require_within(head, placed(head, {"pose": [30, 0]}), 0.95)
        >>> require_within(head, placed(head, {"pose": [400, 0]}), 0.95)
        Traceback (most recent call last):
        synthstim.errors.InputError: ...
    """
    centre, spread = standard(decoder)
    for group, part in parts_of(decoder):
        own = {number: value for number, value in values.items() if part.start <= number < part.stop}
        off = {number: (value - float(centre[number])) / float(spread[number]) for number, value in own.items()}
        reach = group.reach(within)
        if group.prior == "uniform":
            for number, away in off.items():
                # As exact as bounds that were divided and multiplied again.
                if not abs(away) <= reach * (1 + 1e-9):
                    least, most = (float(centre[number] + sign * reach * spread[number]) for sign in (-1, 1))
                    name = group.names[number - part.start]
                    raise InputError(
                        f"{name} {own[number]:g} given; expected {least:.6g} to {most:.6g} {group.unit}".rstrip(),
                        value=name,
                    )
        elif not (length := math.hypot(*off.values())) <= reach:
            raise InputError(
                f"{group.name} lies {length:.3g} standard deviations from its centre; expected at most {reach:.3g},"
                f" which hold {100 * within:g} % of its prior",
                "give values nearer to the centre",
                value=group.name,
            )
