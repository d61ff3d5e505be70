"""Axes: what each axis of a layer stands for, and where a position in it lies."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from torch import Tensor

from synthstim.errors import InputError

CHANNEL, TOKEN = "channel", "token"
# Places, in the order of a position's coordinates, whatever the order of the layer's axes.
PLACES = ("frequency", "frame", "y", "x", TOKEN)
POSITIONS = ("centre", "mean", "class")
_TOKENS = re.compile(r"(?:(\d+)\+)?(?:token|(\d+)x(\d+))")
_WANTED = (
    f"{', '.join((CHANNEL, *PLACES))}, one for each axis, such as 'y x channel'; tokens on a grid as '14x14', behind a class"
    " token as '1+14x14'"
)

Position = str | tuple[int, ...]


@dataclass(frozen=True)
class Axes:
    """What the axes of a layer stand for, the stimuli's left out.

    Attributes:
        names: ``channel`` once, and places: ``y``, ``x``, ``token`` of images, ``frequency``, ``frame`` of sounds; ``frame``, ``y``, ``x`` of movies.
        leading: tokens that come before the image's own: a class token, a distillation token, registers.
        grid: (y, x) of the image's own tokens, which follow row by row; None where their order is not known.

    Example:
        >>> Axes.parse("y x channel").names
        ('y', 'x', 'channel')
        >>> str(Axes(("token", "channel"), leading=1, grid=(14, 14)))
        '1+14x14 channel'
    """

    names: tuple[str, ...]
    leading: int = 0
    grid: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        known = all(name in (CHANNEL, *PLACES) for name in self.names)
        if not known or self.names.count(CHANNEL) != 1 or len(set(self.names)) != len(self.names):
            raise InputError(f"axes {' '.join(self.names)!r} make no sense", f"say {_WANTED}")

    @classmethod
    def parse(cls, text: str) -> Axes:
        """The axes that a user declares: a word for each, in the layer's order.

        Raises:
            InputError: a word is unknown or comes twice, or none is ``channel``.
        """
        words = text.replace(",", " ").split()
        tokens = [found for word in words if (found := _TOKENS.fullmatch(word))]
        names = tuple(TOKEN if _TOKENS.fullmatch(word) else word for word in words)
        if len(tokens) != 1:
            return cls(names)
        leading, rows, columns = (int(part) if part else 0 for part in tokens[0].groups())
        return cls(names, leading, (rows, columns) if rows and columns else None)

    def __str__(self) -> str:
        tokens = f"{self.leading}+" * (self.leading > 0) + ("{}x{}".format(*self.grid) if self.grid else TOKEN)
        return " ".join(tokens if name == TOKEN else name for name in self.names)

    @property
    def places(self) -> tuple[str, ...]:
        """The names of places, in the order of a position's coordinates."""
        return tuple(name for name in PLACES if name in self.names)

    @property
    def has_grid(self) -> bool:
        """Whether neighbours in the layer are neighbours in the stimulus."""
        return bool(self.places) and (TOKEN not in self.names or self.grid is not None)

    def fault(self, shape: tuple[int, ...]) -> str:
        """Why these cannot be the axes of a layer of this shape, or ""."""
        if len(shape) != len(self.names):
            return f"has {len(shape)} axes ({' x '.join(map(str, shape))}), {str(self)!r} names {len(self.names)}"
        tokens = shape[self.names.index(TOKEN)] if TOKEN in self.names else None
        wanted = self.leading + math.prod(self.grid or ())
        if tokens is not None and (wanted != tokens if self.grid else self.leading >= tokens > 1):
            return f"has {tokens} tokens, {str(self)!r} makes {wanted if self.grid else f'{self.leading} or more'}"
        return ""

    def by_place(self, values: Tensor, *, before: int = 0) -> Tensor:
        """Values with the axes of a layer, after ``before`` others, as (..., channel, *places)."""
        order = [self.names.index(name) for name in (CHANNEL, *self.places)]
        return values.permute(*range(before), *(before + at for at in order))

    def maps(self, activations: Tensor) -> Tensor:
        """Activations (batch, *layer) as (batch, channel, y, x); places on no grid, and frames, are one column.

        Leading tokens have no place and are left out.

        Raises:
            InputError: the layer has no space.
        """
        if activations.ndim != len(self.names) + 1 or not 1 <= len(self.places) <= 2:
            raise no_space(tuple(activations.shape[1:]))
        maps = self.by_place(activations, before=1)
        if self.grid is not None:
            maps = maps[..., self.leading :].unflatten(-1, self.grid)
        return maps if maps.ndim == 4 else maps[..., None]

    def pick(self, places: Tensor, position: Position, layer: str) -> Tensor:
        """Those of a channel's places, values (*places), that a position means; one or more.

        Args:
            position: ``centre``; ``mean``, over all places but leading tokens; ``class``, the first leading token; or
                coordinates, of a token its number or its (y, x).
            layer: how messages call the layer.

        Raises:
            InputError: there is no such position.
        """
        if not places.ndim:
            return places.flatten()
        if position == "class" and self.leading:
            return places[:1]
        own = places[self.leading :] if self.leading < len(places) else places
        own = own.unflatten(0, self.grid) if self.grid else own
        if position == "mean":
            return own.flatten()
        if position == "centre":
            if not self.has_grid and len(own) > 1:
                raise InputError(
                    f"the tokens of {layer} lie on no grid that is known, so none is its centre",
                    "give [token], or declare"
                    f" axes of the observer, such as {{'{layer}': '1+14x14 channel'}} for 14 x 14 tokens after a class token",
                )
            return own[tuple(side // 2 for side in own.shape)].flatten()
        if isinstance(position, str):
            raise InputError(f"position {position!r} is unknown", f"choose {self._choices}", code="unknown")
        # A token's own number counts those before the grid.
        inside = own if len(position) == len(own.shape) > 1 else places
        if len(position) != inside.ndim or any(
            not 0 <= at < side for at, side in zip(position, inside.shape, strict=True)
        ):
            raise InputError(f"position {position} is outside {layer}, which is {' x '.join(map(str, own.shape))}")
        return inside[position].flatten()

    @property
    def _choices(self) -> str:
        if TOKEN not in self.names:
            return f"centre, mean or {len(self.places)} coordinates"
        words = ["centre" if self.grid else "", "mean", "class" if self.leading else "", "[y, x]" if self.grid else ""]
        return f"{', '.join(filter(None, words))} or [token]"


def no_space(shape: tuple[int, ...]) -> InputError:
    """The error for a mask that is to be put on a layer without space."""
    return InputError(f"a layer of shape {shape} has no space to put a mask on", "fit it with ridge or pls")
