"""Maximum differentiation: one model's match to a reference is held, another's made as good and as poor as it goes.

Wang & Simoncelli 2008. With the roles exchanged in a second entry, the two pairs say which of the models is wrong about what
people see: a pair of stimuli that are equal to a model that is right look equally unlike the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from synthstim.goals.aim import Aim
from synthstim.goals.base import Goal, Measured, Measuring
from synthstim.goals.card import CardLine
from synthstim.goals.match import reference_axis
from synthstim.recipe.stimuli import Distortion, Item, JointLayers, Variant
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from torch import Tensor

    from synthstim.models import Observer
    from synthstim.objectives import Objective

DIRECTIONS = ("closer", "farther")
# What is held may be off by so many dB.
TOLERANCE_DB = 0.5


class DifferentiateEntry(Distortion):
    """A pair of stimuli at one distance from the reference for some layers, and as unlike as they go for others.

    Attributes:
        hold: the layers whose match is held, jointly.
        move: the layers whose match is moved both ways, jointly; of another observer, say.
        at_db: the match at which the first are held, in dB (20 log10).
    """

    goal: Literal["differentiate"]
    hold: JointLayers
    move: JointLayers
    at_db: float = Field(ge=-20, le=60)

    def problems(self) -> Iterator[tuple[Location, str]]:
        """A layer that is held and moved."""
        for place, layer in enumerate(self.move):
            if layer in self.hold:
                yield ("move", place), f"is {layer!r}, which is held: take it out of one of them"

    @property
    def layers_named(self) -> tuple[str, ...]:
        """Both."""
        return (*self.hold, *self.move)


class DifferentiateGoal(Goal):
    """The best, or the poorest, match of the layers that are moved."""

    name = "differentiate"
    section = DifferentiateEntry
    label = "differentiate"
    about = "to match at one level at some layers, and as well or as poorly as possible at others"
    papers = ("wang2008",)
    symbol = "triangle-ne"
    lines = (
        CardLine("direction", "direction", "Of the layers that are moved", "text"),
        CardLine(
            "moved", "match_db", "20 log10(|reference features| / |difference|) of the layers that are moved", "dB"
        ),
        CardLine("held", "held_db", "The same of the layers that are held", "dB"),
        CardLine("distance", "distance", style=".3f"),
    )

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """The references, and both directions."""
        ways = [Variant({"direction": way}, way, {"direction": way}) for way in DIRECTIONS]
        return reference_axis(entry), ways

    def shared_but(self, entry: Any) -> frozenset[str]:
        """Each item of a batch may be of a reference of its own."""
        return frozenset({"reference"})

    def aim(self, item: Item, observer: Observer) -> Aim:
        """The layers, and which way."""
        entry: Any = item.entry
        hold, move = (observer.members_of(names) for names in (entry.hold, entry.move))
        given = (("hold", hold), ("move", move), ("target_db", entry.at_db), ("direction", item.given["direction"]))
        return Aim(goal=self.name, layers=tuple(dict.fromkeys((*hold, *move))), given=given)

    def objective(
        self,
        entry: Any,
        aims: Sequence[Aim],
        measurer: Measuring,
        *,
        references: Tensor | None = None,
        layers: Sequence[str] = (),
    ) -> Objective:
        """The match of what is moved, or minus it, less what the held ones are off."""
        from synthstim.objectives import differentiate

        assert references is not None
        said = [dict(aim.given) for aim in aims]
        closer = [one["direction"] == "closer" for one in said]
        return differentiate(references, said[0]["hold"], said[0]["move"], said[0]["target_db"], closer)

    def blamed(self, entry: Any, named: object) -> Location:
        """The layers of which it is one."""
        return ("hold",) if named in entry.hold else ("move",)

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless the aim says what is held and moved."""
        if not {"hold", "move", "target_db", "direction"} <= dict(aim.given).keys():
            raise ValueError(f"{self.name} of no layers")

    def measure(
        self, measurer: Measuring, stimulus: Any, aim: Aim, reference: Any = None, layers: Sequence[str] = ()
    ) -> Measured:
        """Both matches."""
        said = dict(aim.given)
        held = measurer.matched(stimulus, reference, said["hold"])
        return measurer.matched(stimulus, reference, said["move"]) | {"held_db": held["match_db"]}

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """What is held must be where it was asked for."""
        held, wanted = measured["held_db"], dict(aim.given)["target_db"]
        if abs(held - wanted) > TOLERANCE_DB:
            yield f"what is held matches at {held:.2f} dB, {wanted:g} was asked for"


GOAL = DifferentiateGoal()
