"""The contract of a goal, from the keys of a recipe to the card of a report, with what most goals share as its defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from synthstim.goals.aim import Aim
from synthstim.goals.card import ACTIVATION, BEST_NATURAL, CardLine
from synthstim.goals.wish import Want, Wish
from synthstim.recipe.fields import Section
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

    def matched(self, stimulus: Any, reference: Any, layers: Sequence[str]) -> Measured:
        """How well layers match, and how far the stimuli themselves are apart."""

    def natural_activations(self, units: Sequence[Unit]) -> Values:
        """Activations (stimulus, unit) over the natural pool."""

    def standardisation(self, units: Sequence[Unit]) -> tuple[Values, Values]:
        """Mean and standard deviation (unit,) over the pool."""


class Goal:
    """What stimuli are to do.

    Attributes:
        name: as recipes have it.
        section: schema of an entry with this goal, a subclass of ``Metamer`` or of ``Controller``.
        wish: schema of an entry of loop.yaml; None for a goal that no closed loop pursues.
        label, symbol: in the report; the symbol is plotly's.
        about: what stimuli are made to do, after "made", for a methods section.
        papers: where the goal comes from, by keys of ``synthstim.papers``.
        higher: whether a higher response does better; ``merit`` says more where this is not all.
        levelled: whether it asks for a level.
        standardised: whether units are judged in z-scores over the natural pool.
        against_null: whether it is judged against matches between different natural stimuli.
        solves: whether it makes its stimuli itself (``solve``), and nothing is searched for.
        several: whether one stimulus controls several units.
        farthest: whether units are brought as far as they go, not to where they are wanted: longer steps then go farther.
        followed: whether it can be followed by responses to single units alone, without a model.
        lines: what a card of the report says, a line each.
    """

    name: str
    section: type[StimulusSpec]
    wish: type[Wish] | None = None
    label: str
    symbol: str = "circle"
    about: str = ""
    papers: tuple[str, ...] = ()
    higher: bool = True
    levelled: bool = False
    standardised: bool = False
    against_null: bool = False
    solves: bool = False
    several: bool = False
    farthest: bool = False
    followed: bool = False
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

    def solve(self, entry: Any, aims: Sequence[Aim], measurer: Measuring, references: Tensor) -> Tensor:
        """The stimuli (batch, *shape) of items of one entry's settings, where the goal ``solves``.

        Args:
            aims: one an item.
            references: (batch, *shape).
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
        """What stimuli are judged by (stimulus,), of the units that are controlled.

        Args:
            activations: (stimulus, unit); in z-scores over the natural pool where the goal is ``standardised``.
            aim: what is wanted of them.
        """
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
        """Why a stimulus fails; none for one that passes.

        Args:
            aim: what it was made for.
            measured: of its saved file, by column.
            criteria: of the recipe.
            target_db: of a match, in dB.
        """
        activation, natural = measured["activation"], measured["best_natural"]
        if self.merit(activation, aim) <= self.merit(natural, aim):
            yield f"the activation {activation:.3g} does not go beyond the best natural {natural:.3g}"

    # What a closed loop makes of it.

    def wants(self, wish: Any, sites: Sequence[str], scale: Mapping[str, tuple[float, float]]) -> Iterator[Want]:
        """What images are to be made for: by default, for each of the sites by itself.

        Args:
            sites: that are fitted and were recorded, which ``all`` stands for.
            scale: mean and standard deviation of each site's responses in generation 0.
        """
        for site in sites if isinstance(wish.sites, str) else wish.sites:
            yield Want((site,))

    def asked(self, wish: Any, want: Want, as_fitted: Callable[[float, str], float]) -> dict[str, Any]:
        """Keys of the recipe's entry that asks for it.

        Args:
            as_fitted: a z-score of generation 0, and the site, -> z-score of the fit's responses.
        """
        (site,) = want.sites
        return {"unit": {"site": site}} | self.passed_on(wish)

    def passed_on(self, wish: Wish, *but: str) -> dict[str, Any]:
        """What a wish says by keys that a recipe's entry has, too; but for some."""
        own = {"name", "goal", "copies", *but}
        shared = [key for key in type(wish).model_fields if key in self.section.model_fields and key not in own]
        said = {key: value for key in shared if (value := getattr(wish, key)) is not None}
        return {
            key: value.model_dump(mode="json", exclude_unset=True) if isinstance(value, Section) else value
            for key, value in said.items()
        }

    def standing(self, z: Values, columns: Sequence[int], aim: Aim) -> Values:
        """How well images did (image,), higher is better, by measured responses; NaN where something was not measured.

        Args:
            z: (image, site) mean responses in standard deviations about each site's mean.
            columns: of the sites that are controlled.
            aim: in these z-scores.
        """
        merits: Values = self.merit(self.values(z[:, list(columns)], aim), aim)
        return merits

    # How the report puts it.

    def best_naturals(self, noun: str) -> str:
        """What the report calls the natural images, or sounds, that do best."""
        return f"best natural {noun}s, {self.name}" if self.name else f"best natural {noun}s"
