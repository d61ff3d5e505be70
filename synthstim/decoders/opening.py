"""Decoders by name, looked at before anything is made with them."""

from __future__ import annotations

from typing import Any

import torch

from synthstim.decoders.base import Decoder
from synthstim.decoders.prior import draws
from synthstim.errors import InputError, said_by
from synthstim.kinds import DECODERS
from synthstim.models.functions import imported
from synthstim.models.opening import names_code

# How far beyond [0, 1] is rounding.
SLACK = 1e-5


def open_decoder(name: str, shape: tuple[int, ...], *, allow_code: bool = False) -> Decoder:
    """The decoder of this name, for images of a shape.

    Args:
        name: of the list that ``synthstim decoders`` prints; or ``package.module:function``, a function of yours that
            takes the shape and returns a decoder.
        shape: (channel, y, x) of an image.
        allow_code: whether that function may be imported and called.

    Raises:
        InputError: the name is unknown, a package is missing, or what the decoder makes cannot be used.

    Example:
        >>> [group.name for group in open_decoder("head", (3, 32, 32)).groups]
        ['shape', 'albedo', 'pose', 'light']
    """
    if names_code(name) and not allow_code:
        raise InputError(f"the decoder {name!r} is code of yours", "open it in Python with allow_code=True, or install it as a plug-in", code="not-allowed")  # fmt: skip
    make: Any = imported(name) if names_code(name) else DECODERS[name]
    try:
        made: Decoder = make(shape)
    except InputError:
        raise
    except Exception as error:  # another's code may fail in any way
        raise InputError(f"the decoder {name!r} failed: {said_by(error)}") from error
    require_usable(made, name, shape)
    return made


def require_usable(decoder: Decoder, name: str, shape: tuple[int, ...]) -> None:
    """Raise InputError unless a decoder makes finite images of a shape, display values in [0, 1], that change with its latents.

    Args:
        name: what a recipe calls it.
        shape: of the observer's images (channel, y, x).

    Example:
        >>> require_usable(open_decoder("head", (3, 32, 32)), "head", (3, 48, 48))
        Traceback (most recent call last):
        synthstim.errors.InputError: the decoder 'head' makes images of 3 x 32 x 32; expected 3 x 48 x 48: ...
    """
    if tuple(decoder.shape) != tuple(shape):
        raise InputError(
            f"the decoder {name!r} makes images of {_by(decoder.shape)}; expected {_by(shape)}",
            "choose an observer that is shown those, or give the observer's size",
            code="mismatch",
        )
    latents = draws(decoder, 2, torch.Generator().manual_seed(0)).float().requires_grad_()
    images = decode(decoder, latents, name)
    if not images.requires_grad:
        raise InputError(f"no gradient passes through the decoder {name!r}", "let it compute with torch", code="no-gradient")  # fmt: skip


def decode(decoder: Decoder, latents: torch.Tensor, name: str = "") -> torch.Tensor:
    """Latents (batch, latent) -> images (batch, channel, y, x), checked.

    Raises:
        InputError: they have another shape, or a value is no number or outside [0, 1].

    Example:
        >>> head = open_decoder("head", (3, 32, 32))
        >>> decode(head, draws(head, 2, torch.Generator().manual_seed(0)).float()).shape
        torch.Size([2, 3, 32, 32])
    """
    images = decoder.decode(latents)
    called = f"the decoder {name!r}" if name else type(decoder).__name__
    if tuple(images.shape) != (len(latents), *decoder.shape):
        raise InputError(
            f"{called} returned {_by(images.shape)} for {len(latents)} items; expected {_by((len(latents), *decoder.shape))}",
            "correct its shape",
            code="mismatch",
        )
    low, high = images.detach().min().item(), images.detach().max().item()
    if not (low >= -SLACK and high <= 1 + SLACK):
        found = "values that are no numbers" if low != low or high != high else f"values from {low:.4g} to {high:.4g}"
        raise InputError(
            f"{called} returned {found}; expected display values in [0, 1]", "bring them there in the decoder"
        )
    return images


def _by(sides: tuple[int, ...] | torch.Size) -> str:
    return " x ".join(map(str, sides))
