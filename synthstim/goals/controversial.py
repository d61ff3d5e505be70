"""Controversial stimuli: one observer is sure of one answer, another of another (Golan, Raju & Kriegeskorte 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from synthstim.errors import InputError
from synthstim.goals.aim import Aim
from synthstim.goals.base import Goal, Measured, Measuring
from synthstim.goals.card import CardLine
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import Index, Text, check_different
from synthstim.recipe.stimuli import Controller, Item, Variant
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from synthstim.models import Observer
    from synthstim.objectives import Objective

# Below this difference in log-odds, both observers are attended to.
TEMPERATURE = 1.0


def _alone(value: Any) -> Any:
    return [value] if isinstance(value, Mapping) else value


_PAIR = "the number of the answer of each of two observers or more, such as {a: 281, b: 207}"
Answers = Annotated[
    tuple[Annotated[dict[Text, Index], Field(min_length=2), Expected(_PAIR)], ...],
    Field(min_length=1, strict=False),
    BeforeValidator(_alone, json_schema_input_type=dict[str, int] | tuple[dict[str, int], ...]),
    AfterValidator(check_different),
    Expected(f"{_PAIR}, or a list of such mappings"),
]


class ControversialEntry(Controller):
    """Stimuli that observers answer differently.

    Attributes:
        answers: the number of the output that each observer is to answer with; several such mappings get stimuli each.
        sure: the probability that each must give to its answer for the stimulus to pass; the authors' was .75.
    """

    goal: Literal["controversial"]
    answers: Answers
    sure: float = Field(default=0.75, ge=0, le=1)

    def problems(self) -> Iterator[tuple[Location, str]]:
        """Observers that are to agree."""
        for place, answers in enumerate(self.answers):
            if len(set(answers.values())) == 1:
                here = ("answers", place) if len(self.answers) > 1 else ("answers",)
                yield here, "are all the same, which is no controversy: give different ones"

    @property
    def says_what(self) -> str:
        """The key that says what is controlled."""
        return "answers"

    @property
    def layer(self) -> str:
        """The layer of the first observer's answer."""
        return f"{next(iter(self.answers[0]))}.log_odds"


class ControversialGoal(Goal):
    """The highest probability of the answer that its observer is least sure of."""

    name = "controversial"
    section = ControversialEntry
    label = "controversial"
    about = "to be answered differently by each observer"
    papers = ("golan2020",)
    symbol = "x"
    lines = (
        CardLine("least probability", "activation", "Of the answers asked for, each by its observer's softmax", ".3f"),
        CardLine("best natural", "best_natural", "The highest of the pool, likewise", ".3f"),
    )

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """What each observer is to answer."""
        several = len(entry.answers) > 1
        return (
            [
                Variant(
                    {"answers": answers},
                    "_".join(f"{name}{answer}" for name, answer in answers.items()) if several else "",
                    {"answers": sorted(answers.items())},
                )
                for answers in entry.answers
            ],
        )

    def shared_but(self, entry: Any) -> frozenset[str]:
        """Each item of a batch may be of answers of its own; as many observers answer."""
        return frozenset({"answers"}) if len({len(answers) for answers in entry.answers}) == 1 else frozenset()

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The answers, as units."""
        from synthstim.models import Unit
        from synthstim.models.several import LOG_ODDS

        answers: Mapping[str, int] = item.given["answers"]
        for name in answers:
            if name not in observer.parts:
                known = f"observers: {{{', '.join(observer.parts)}}}" if observer.parts else "one observer"
                raise InputError(
                    f"the answer of {name!r} is asked for, in a recipe of {known}",
                    "name each observer under observers",
                    code="unknown",
                )
            if f"{name}.{LOG_ODDS}" not in observer.layers:
                raise InputError(f"{observer.parts[name].name} gives no answers", "choose an observer with classes")
        units = [
            Unit(layer=f"{name}.{LOG_ODDS}", channel=number, label=f"{name}: {number}")
            for name, number in answers.items()
        ]
        entry: Any = item.entry
        return Aim(goal=self.name, units=tuple(units), given=(("sure", entry.sure),))

    def objective(
        self,
        entry: Any,
        aims: Sequence[Aim],
        measurer: Measuring,
        *,
        references: Tensor | None = None,
        layers: Sequence[str] = (),
    ) -> Objective:
        """The smooth minimum of the answers' log-odds.

        The authors' networks had a sigmoid for each answer, so that theirs also holds the other's answer down; of a softmax's
        answers one that is likely leaves little to all others.
        """
        from synthstim.objectives import weakest

        return weakest([aim.units for aim in aims], temperature=TEMPERATURE)

    def blamed(self, entry: Any, named: object) -> Location:
        """The answers."""
        return ("answers",)

    def target(self, entry: Any) -> float | None:
        """A probability, as log-odds."""
        import math

        if entry.target is None:
            return None
        return math.inf if entry.target >= 1 else math.log(max(entry.target, 1e-12) / (1 - entry.target))

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless the aim has several answers."""
        if len(aim.units) < 2 or "sure" not in dict(aim.given):
            raise ValueError(f"{self.name} of {len(aim.units)} answers")

    def values(self, activations: NDArray[Any], aim: Aim) -> NDArray[Any]:
        """The probability of the answer that its observer is least sure of."""
        import numpy as np

        probability: NDArray[Any] = 1 / (1 + np.exp(-activations.min(1).clip(-700, 700)))
        return probability

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """Each observer must be sure of its answer."""
        least, wanted = measured["activation"], dict(aim.given)["sure"]
        if least < wanted:
            yield f"an observer gives its answer a probability of {least:.3g}, {wanted:g} was wanted"


GOAL = ControversialGoal()
