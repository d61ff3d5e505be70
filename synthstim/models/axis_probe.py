"""Which axes of a layer are places: one half of a stimulus is changed, and where the layer answers tells its axes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import torch
from torch import Tensor, nn

from synthstim.models.axes import CHANNEL, TOKEN, Axes

# Along an axis of places the answer falls by up to 0.87 (``slope``). Along channels it falls by chance, by about 0.55 over
# the root of their number where all places are mixed, and by less elsewhere. A weak slope is believed where other layers of
# the network bear it out.
_STRONG, _WEAK, _TIMES, _CHANCE, _BESIDE = 0.3, 0.05, 3.0, 1.5, 0.65
# Tokens in an unknown order: each answers to one side of both contrasts, channels to neither.
_ONE_SIDED, _BOTH_SIDED = 0.6, 0.4
_MOST_LEADING = 8
# Stimuli with other sides than the grid's have grids of about their aspect.
_ASPECT = 2.0
# Layers whose convention is known, where the answer does not tell: those that mix all places, or hold one.
_CHANNEL_FIRST: dict[int, tuple[type[nn.Module], ...]] = {
    4: (nn.Conv3d, nn.ConvTranspose3d, nn.BatchNorm3d, nn.InstanceNorm3d, nn.MaxPool3d, nn.AvgPool3d, nn.AdaptiveAvgPool3d),
    3: (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.InstanceNorm2d, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d),
    2: (nn.Conv1d, nn.ConvTranspose1d, nn.BatchNorm1d, nn.InstanceNorm1d, nn.MaxPool1d, nn.AvgPool1d, nn.AdaptiveAvgPool1d),
}  # fmt: skip
_CHANNEL_LAST = (nn.Linear, nn.LayerNorm)
# Places, their sides, leading tokens, grid.
_Sides = tuple[tuple[str, ...], tuple[int, ...], int, tuple[int, int] | None]


def answers(values: Tensor) -> list[Tensor]:
    """How a layer answers each half of two contrasts, along each of its axes.

    Args:
        values: (5, *layer) of a stimulus, and of it with its first and last half changed along each kind of place.

    Returns:
        For each axis (2, size): from 1, where only the first half counts, to -1, where only the last one does.
    """
    change = torch.nan_to_num((values[1:] - values[:1]).abs().float())
    out = []
    for axis in range(1, change.ndim):
        others = [other for other in range(1, change.ndim) if other != axis]
        along = change.mean(others) if others else change
        first, last = along[0::2], along[1::2]
        out.append(((first - last) / (first + last + 1e-3 * along.mean() + 1e-30)).cpu())
    return out


@dataclass(frozen=True)
class Seen:
    """What a probe saw of a network's layers.

    Args:
        kinds: the places of its stimuli in the order of the contrasts: y and x, or frequency and frame.
        of: for each layer what ``answers`` gave.
    """

    kinds: tuple[str, str]
    aspect: float
    of: Mapping[str, list[Tensor]]

    def axes(self, parts: Mapping[str, nn.Module]) -> dict[str, Axes | None]:
        """The axes of each layer; None where they are in doubt.

        Args:
            parts: the network's modules, by the names of layers.
        """
        sure = {
            layer: self._by_answer(answer, _STRONG) or self._by_convolution(answer, parts.get(layer))
            for layer, answer in self.of.items()
        }
        known = {_sides(axes, self.of[layer]) for layer, axes in sure.items() if axes is not None}
        # Tokens that lie on a grid before those whose order is not known.
        ordered = sorted(
            (sides for sides in known if math.prod(sides[1]) > 1), key=lambda sides: (sides[3] is None, sides)
        )
        return {layer: axes or self._less_sure(layer, parts.get(layer), ordered) for layer, axes in sure.items()}

    def _less_sure(self, layer: str, part: nn.Module | None, known: Sequence[_Sides]) -> Axes | None:
        """The axes of a layer that mixes places, from what else is known."""
        answer = self.of[layer]
        ways, weak = _by_sides(answer, known), self._by_answer(answer, _WEAK)
        if len(ways) == 1:
            return ways[0]
        if weak is not None and (weak in ways or (len(answer) == 3 and not ways)):
            return weak
        # A linear layer may mix tokens as well as channels: only where nothing says how many tokens there are.
        if type(part) in _CHANNEL_LAST and len(answer) == 2 and not any(self._line in places for places, *_ in known):
            return Axes((self._line, CHANNEL))
        return None

    def _by_answer(self, answer: list[Tensor], least: float) -> Axes | None:
        """The axes, from where the layer answers, with slopes of ``least`` or more."""
        if len(answer) == 1:
            return Axes((CHANNEL,))
        fitting = [Axes(names) for names in self._orders(len(answer)) if self._fits(names, answer, least)]
        # Axes of one value may be called anything: the first order is the common one.
        if fitting:
            return fitting[0]
        return self._tokens(answer, least) if len(answer) == 2 and "y" in self.kinds else None

    def _orders(self, count: int) -> Iterator[tuple[str, ...]]:
        if count == 3:
            yield from permutations((CHANNEL, *self.kinds))
        if count == 2 and "frame" in self.kinds:
            yield from ((CHANNEL, "frame"), ("frame", CHANNEL), (CHANNEL, "frequency"), ("frequency", CHANNEL))

    def _fits(self, names: tuple[str, ...], answer: list[Tensor], least: float) -> bool:
        """Whether each place, and nothing but it, follows its half of the stimulus."""
        for number, kind in enumerate(self.kinds):
            if kind not in names:
                continue
            # Frequencies may stand in either order.
            slopes = [abs(slope(along[number])) if kind == "frequency" else slope(along[number]) for along in answer]
            at = names.index(kind)
            own, elsewhere = answer[at], slopes[:at] + slopes[at + 1 :]
            if own.shape[1] == 1:
                if any(abs(one) > _by_chance(along) for one, along in zip(slopes, answer, strict=True)):
                    return False
            # Windows and tokens answer to both contrasts, an axis of places to its own.
            elif (
                slopes[at] < max(least, _TIMES * max(map(abs, elsewhere)))
                or own[1 - number].std() > _BESIDE * own[number].std()
            ):
                return False
        return True

    def _tokens(self, answer: list[Tensor], least: float) -> Axes | None:
        """Tokens and channels: tokens answer to where the stimulus changes, row by row if they stand on a grid."""
        grids = [self._grid(along) for along in answer]
        sided = [float(along.abs().amin(0).mean()) for along in answer]
        for at, names in ((0, (TOKEN, CHANNEL)), (1, (CHANNEL, TOKEN))):
            score, leading, grid = grids[at]
            if score >= max(least, _CHANCE / answer[at].shape[1] ** 0.5, _TIMES * grids[1 - at][0]):
                return Axes(names, leading, grid)
            if sided[at] > _ONE_SIDED and sided[1 - at] < _BOTH_SIDED:
                return Axes(names)
        # One token, such as a class token alone.
        long = [at for at, along in enumerate(answer) if along.shape[1] > 1]
        return Axes((TOKEN, CHANNEL) if long[0] else (CHANNEL, TOKEN), leading=1) if len(long) == 1 else None

    def _grid(self, along: Tensor) -> tuple[float, int, tuple[int, int] | None]:
        """The best score of a grid that so many tokens can make, with the tokens before it."""
        best: tuple[float, int, tuple[int, int] | None] = (0.0, 0, None)
        for leading, rows, columns in _grids(along.shape[1], self.aspect):
            own = along[:, leading:].unflatten(1, (rows, columns))
            score = min(slope(own[0].mean(1)), slope(own[1].mean(0)))
            # Tokens that come before a grid stand nowhere.
            if leading and along[:, :leading].square().mean() > 0.25 * own.square().mean():
                continue
            if score > best[0] + 0.01:
                best = (score, leading, (rows, columns))
        return best

    def _by_convolution(self, answer: list[Tensor], part: nn.Module | None) -> Axes | None:
        """The axes by the convention of convolutions and what goes with them, where the answer says nothing else."""
        if type(part) not in _CHANNEL_FIRST.get(len(answer), ()):
            return None
        # Of movies, frames lie before y and x.
        names = {4: (CHANNEL, "frame", *self.kinds), 3: (CHANNEL, *self.kinds)}.get(len(answer), (CHANNEL, self._line))
        contradicted = any(
            abs(slope(along[number])) > _by_chance(along)
            for number, kind in enumerate(self.kinds)
            for name, along in zip(names, answer, strict=True)
            if name != kind
        )
        return None if contradicted else Axes(names)

    @property
    def _line(self) -> str:
        return "frame" if "frame" in self.kinds else TOKEN


def slope(along: Tensor) -> float:
    """How far (size,) falls from its first to its last value: 0.87 for a step from 1 to -1, 0 for one value alone."""
    if len(along) < 2:
        return 0.0
    places = torch.linspace(1, -1, len(along))
    return float(((along - along.mean()) * places).mean() / places.square().mean().sqrt())


def _by_chance(along: Tensor) -> float:
    """The slope that so many channels hardly have by chance."""
    return float(max(_STRONG, _CHANCE / along.shape[1] ** 0.5))


def _grids(count: int, aspect: float) -> Iterator[tuple[int, int, int]]:
    """Leading tokens, rows and columns that make so many tokens in all."""
    for leading in range(min(_MOST_LEADING, count - 4) + 1):
        own = count - leading
        for rows in range(2, own // 2 + 1):
            if own % rows == 0 and 1 / _ASPECT <= rows / (own // rows) / aspect <= _ASPECT:
                yield leading, rows, own // rows


def _sides(axes: Axes, answer: list[Tensor]) -> _Sides:
    """What is known of the places of a layer: their names and sides, and how tokens lie."""
    sides = tuple(answer[axes.names.index(name)].shape[1] for name in axes.places)
    return axes.places, sides, axes.leading, axes.grid


def _by_sides(answer: list[Tensor], known: Sequence[_Sides]) -> list[Axes]:
    """The axes that a layer may have if its places have the sides of another layer's: one for each axis of channels."""
    shape = [along.shape[1] for along in answer]
    ways: dict[int, Axes] = {}
    for places, sides, leading, grid in known:
        if len(places) != len(shape) - 1:
            continue
        for at in range(len(shape)):
            if (*shape[:at], *shape[at + 1 :]) == sides:
                ways.setdefault(at, Axes((*places[:at], CHANNEL, *places[at:]), leading, grid))
    return list(ways.values())
