"""The contract of a goal, from the keys of a recipe to the card of a report, with what most goals share as its defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from synthstim.goals.aim import Aim
from synthstim.goals.card import ACTIVATION, BEST_NATURAL, CardLine
from synthstim.recipe.stimuli import Item, StimulusSpec, Variant
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from synthstim.models import Observer, Unit
    from synthstim.objectives import Objective

    Values = NDArray[np.float64]

Measured = dict[str, Any]


class Measuring(Protocol):
    """What a goal may ask of whoever measures stimuli on an observer; see ``synthstim.verify.Measurer``."""

    observer: Observer

    def batch(self, *stimuli: Any) -> Tensor:
        """Stimuli (batch, *shape) as the observer is given them."""

    def controller(self, stimulus: Any, aim: Aim) -> Measured:
        """What controlled units do."""

    def metamer(self, stimulus: Any, reference: Any, layers: Sequence[str], *, each: bool = False) -> Measured:
        """How well layers match."""

    def natural_activations(self, units: Sequence[Unit]) -> Values:
        """Activations (stimulus, unit) over the natural pool."""

    def standardisation(self, units: Sequence[Unit]) -> tuple[Values, Values]:
        """Mean and standard deviation (unit,) over the pool."""


class Goal:
    """What stimuli are to do.

    Attributes:
        name: as recipes have it.
        section: schema of an entry with this goal, a subclass of ``Metamer`` or of ``Controller``.
        label, symbol: in the report; the symbol is plotly's.
        higher: whether a response that does better is a higher one.
        lines: what a card of the report says, a line each.
    """

    name: str
    section: type[StimulusSpec]
    label: str
    symbol: str = "circle"
    higher: bool = True
    lines: tuple[CardLine, ...] = (ACTIVATION, BEST_NATURAL)

    def __repr__(self) -> str:
        return f"<goal {self.name}>"

    # From an entry of a recipe to what is made.

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """What the items of an entry differ in; there are items for each combination.

        Args:
            sites: names of the observer's fitted sites, which ``all`` stands for.
        """
        return ()

    def shared_but(self, entry: Any) -> frozenset[str]:
        """Keys of an entry in which items of one batch may differ."""
        return frozenset()

    def aim(self, item: Item, observer: Observer) -> Aim:
        """What an item is meant to do."""
        raise NotImplementedError

    def objective(
        self,
        entry: Any,
        aims: Sequence[Aim],
        measurer: Measuring,
        *,
        references: Tensor | None = None,
        layers: Sequence[str] = (),
    ) -> Objective:
        """The objective of items of one entry's settings, without its penalties.

        Args:
            aims: one an item.
            references: (batch, *shape) of metamers.
            layers: that metamers match, as the recipe names them.
        """
        raise NotImplementedError

    def target(self, entry: Any) -> float | None:
        """The score at which an item has reached what the entry asks; None for none."""
        return getattr(entry, "target", None)

    def blamed(self, entry: Any, named: object) -> Location:
        """Where in an entry the value stands that an error about it names; () for nowhere."""
        return ()

    # What is measured of a stimulus, and whether it passes.

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless an aim that a file describes is one of this goal."""

    def values(self, activations: Values, aim: Aim) -> Values:
        """What stimuli are judged by (stimulus,), of the activations (stimulus, unit) of the units that are controlled."""
        return activations[:, 0]

    def merit(self, values: Any, aim: Aim) -> Any:
        """How well stimuli do, higher is better, of what they are judged by."""
        return values if self.higher else -values

    def measure(
        self, measurer: Measuring, stimulus: Any, aim: Aim, reference: Any = None, layers: Sequence[str] = ()
    ) -> Measured:
        """What is measured of a stimulus; what is no column of the set's table serves ``reasons`` only.

        Args:
            reference: of a metamer, the stimulus that it matches.
            layers: that a metamer matches, as the recipe names them.
        """
        return measurer.controller(stimulus, aim)

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """Why a stimulus fails; none for one that passes."""
        activation, natural = measured["activation"], measured["best_natural"]
        if self.merit(activation, aim) <= self.merit(natural, aim):
            yield f"the activation {activation:.3g} does not go beyond the best natural {natural:.3g}"

    # How the report puts it.

    def best_naturals(self, noun: str) -> str:
        """What the report calls the natural images, or sounds, that do best."""
        return f"best natural {noun}s, {self.name}" if self.name else f"best natural {noun}s"
