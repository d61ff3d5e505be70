"""What an odour may be mixed of: so many odorants, so much together, none of two that do not go together, dilutions that there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from synthstim.constraints.base import Limit
from synthstim.errors import InputError
from synthstim.modalities.odour import OdourInput
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import Section, Text

# Concentrations are single-precision numbers: a sum of the largest is off by less.
_ROUNDING = 1e-6
Pairs = Annotated[
    tuple[
        Annotated[
            tuple[Text, ...], Field(min_length=2, max_length=2, strict=False), Expected("a list of two odorants")
        ],
        ...,
    ],
    Field(strict=False),
    Expected("a list of pairs of odorants"),
]
Names = Annotated[tuple[Text, ...], Field(strict=False), Expected("a list of odorants")]


class MixtureOptions(Section):
    """What an odour may be mixed of.

    Attributes:
        most_odorants: of a mixture.
        total_concentration: the largest sum of concentrations, in shares of the stock.
        least_concentration: of an odorant that is there at all, as a valve or a flow controller can give it.
        forbidden_pairs: odorants that are never in one mixture.
        absent_odorants: odorants that are in none, such as those of a metamer's reference.
    """

    most_odorants: int | None = Field(default=None, ge=1, le=1000)
    total_concentration: float | None = Field(default=None, gt=0, le=1000)
    least_concentration: float | None = Field(default=None, gt=0, le=1)
    forbidden_pairs: Pairs = ()
    absent_odorants: Names = ()


@dataclass(frozen=True)
class Mixture:
    """Sparse mixtures at the dilutions of a panel.

    The gradient passes unchanged, as through a rounding: an odorant that was left out can still come in, and takes the
    place of a weaker one.

    Attributes:
        input: the panel and its dilutions.
        most: odorants of one mixture; None sets no limit.
        total: the largest sum of concentrations; None likewise.
        least: concentration of an odorant that is there.
        apart: pairs of places in the panel, never both in one mixture.
        absent: places in the panel that are in no mixture.

    Example:
        >>> panel = OdourInput(odorants=("a", "b", "c"), dilutions=(-2, -1, 0))
        >>> Mixture(panel, most=2, total=1.0).project(torch.tensor([[0.8, 0.12, 0.05]]))
        tensor([[0.1000, 0.1000, 0.0000]])
    """

    input: OdourInput
    most: int | None = None
    total: float | None = None
    least: float = 0.0
    apart: tuple[tuple[int, int], ...] = ()
    absent: tuple[int, ...] = ()
    modality: ClassVar[str] = "odour"

    def check(self, shape: tuple[int, ...]) -> None:
        """The panel is the observer's, and one of its dilutions is allowed."""
        if shape != self.input.shape:
            raise InputError(f"odours of {shape} given; expected {self.input.shape}", code="mismatch")
        if len(set(self.absent)) == len(self.input.odorants):
            raise InputError("absent_odorants names the whole panel", "leave some out", code="unattainable")
        allowed = self.levels
        if not len(allowed):
            raise InputError(
                f"least_concentration {self.least:g} given; expected no more than {self.input.concentrations[-1]:g}, the "
                "strongest dilution of the panel",
                code="unattainable",
            )
        if self.total is not None and self.total < allowed[0]:
            raise InputError(
                f"total_concentration {self.total:g} given; expected at least {allowed[0]:g}, the weakest dilution that is allowed",
                code="unattainable",
            )

    def project(self, stimuli: Tensor) -> Tensor:
        """The nearest that is allowed, by first leaving out what is weakest; what is beyond the total is diluted as a whole."""
        kept: Tensor = _Through.apply(stimuli, self._mixed(stimuli.detach()))
        return kept

    @property
    def levels(self) -> list[float]:
        """The concentrations that an odorant can have besides none, from the least."""
        return [float(level) for level in self.input.concentrations if level >= self.least * (1 - _ROUNDING)]

    def _mixed(self, stimuli: Tensor) -> Tensor:
        values = stimuli.double().clamp(0, 1)
        values[:, list(self.absent)] = 0
        for first, second in self.apart:
            weaker = torch.where(values[:, first] < values[:, second], first, second)
            both = (values[:, first] > 0) & (values[:, second] > 0)
            values = values.scatter(
                1, weaker[:, None], torch.where(both[:, None], 0.0, values.gather(1, weaker[:, None]))
            )
        if self.most is not None and self.most < values.shape[1]:
            strongest = values.topk(self.most, dim=1).indices
            values = torch.zeros_like(values).scatter(1, strongest, values.gather(1, strongest))
        levels = torch.tensor([0.0, *self.levels], dtype=torch.float64, device=values.device).to(stimuli.dtype).double()
        nearest = self._nearest(values, levels)
        if self.total is None:
            return nearest.to(stimuli.dtype)
        over = nearest.sum(1, keepdim=True) > self.total * (1 + _ROUNDING)
        scaled = values * (self.total / values.sum(1, keepdim=True).clamp_min(1e-12)).clamp_max(1)
        below = levels[(torch.searchsorted(levels, scaled * (1 + _ROUNDING), right=True) - 1).clamp_min(0)]
        return torch.where(over, below, nearest).to(stimuli.dtype)

    @staticmethod
    def _nearest(values: Tensor, levels: Tensor) -> Tensor:
        """The nearest levels: of ratios, but for none, which is half of the least."""
        bounds = torch.cat([levels[1:2] / 2, (levels[1:-1] * levels[2:]).sqrt()])
        return levels[torch.bucketize(values, bounds)]


class _Through(torch.autograd.Function):
    """Values in place of others, with the gradient of these."""

    @staticmethod
    def forward(context: Any, stimuli: Tensor, instead: Tensor) -> Tensor:
        return instead

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _make(asked: MixtureOptions, input: OdourInput, recipe: object) -> Mixture:
    apart = tuple((input.place_of(first), input.place_of(second)) for first, second in asked.forbidden_pairs)
    if same := [pair for pair in asked.forbidden_pairs if pair[0] == pair[1]]:
        raise InputError(f"the pair {list(same[0])} given; expected two odorants", value=same[0][0])
    return Mixture(
        input,
        asked.most_odorants,
        asked.total_concentration,
        asked.least_concentration or 0.0,
        apart,
        tuple(map(input.place_of, asked.absent_odorants)),
    )


CONSTRAINT = Limit(MixtureOptions, _make, "odour", order=40, always=True)
