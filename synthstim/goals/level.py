"""Bring a unit to a level, or to several of which each gets stimuli of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from synthstim.goals.aim import Aim
from synthstim.goals.base import Measured, Measuring
from synthstim.goals.card import ACTIVATION, CardLine
from synthstim.goals.unit import CautiousController, CautiousWish, UnitGoal
from synthstim.goals.wish import Want
from synthstim.ids import id_part
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import Activation, check_different
from synthstim.recipe.stimuli import Variant
from synthstim.recipe.yaml_source import Location

if TYPE_CHECKING:
    from synthstim.models import Unit
    from synthstim.objectives import Objective

# A level is reached within this share of the unit's standard deviation over the pool.
TOLERANCE = 0.05
Levels = Annotated[
    tuple[Activation, ...],
    Field(min_length=1, strict=False),
    AfterValidator(check_different),
    Expected("a list of activations, such as [0, 2, 4]"),
]


class LevelEntry(CautiousController):
    """Controllers that bring a unit, or a fitted site, to a level.

    Attributes:
        level: the activation wanted; of a fitted site, its response as recorded.
        levels: several of them, of which each gets copies of its own.
    """

    goal: Literal["level"]
    level: Activation | None = None
    levels: Levels | None = None

    def problems(self) -> Iterator[tuple[Location, str]]:
        """A level or several, and no target besides several."""
        yield from super().problems()
        if self.level is None and self.levels is None:
            yield ("goal",), f"{self.goal!r} needs level: give the activation that the unit is to have"
        if self.levels is not None:
            for key in ("level", "target"):
                if getattr(self, key) is not None:
                    yield (key,), "does not go with levels: remove it"


class LevelWish(CautiousWish):
    """Images that bring sites to levels.

    Attributes:
        levels: responses asked for.
        scale: ``recorded``, in the units of the recording, or ``z``, in standard deviations about the mean of the first
            generation's responses.
    """

    goal: Literal["level"]
    levels: Annotated[
        tuple[float, ...],
        Field(min_length=1, strict=False),
        AfterValidator(check_different),
        Expected("a list of responses"),
    ]
    scale: Literal["recorded", "z"] = "recorded"


class LevelGoal(UnitGoal):
    """The activation nearest to the level."""

    name = "level"
    section = LevelEntry
    wish = LevelWish
    levelled = followed = True
    label = "level"
    about = "to bring a unit to a level"
    papers = ("bashivan2019",)
    symbol = "diamond"
    lines = (
        ACTIVATION,
        CardLine("level asked", "level", optional=True),
        CardLine("nearest natural", "best_natural", "Of the pool's, the one nearest to the level"),
    )

    def axes(self, entry: Any, sites: Sequence[str]) -> tuple[Sequence[Variant], ...]:
        """The units, and the levels of each."""
        if entry.levels is None:
            levels = [Variant({"level": entry.level})]
        else:
            levels = [Variant({"level": at}, f"at{id_part(f'{at:g}')}", {"level": at}) for at in entry.levels]
        return (*super().axes(entry, sites), levels)

    def shared_but(self, entry: Any) -> frozenset[str]:
        """Each item of a batch may be of a unit and a level of its own."""
        return frozenset({"unit", "levels"})

    def towards(self, units: Sequence[Unit], aims: Sequence[Aim]) -> Objective:
        """Minus the distance from the level."""
        from synthstim.objectives import level

        return level(units, [aim.level for aim in aims if aim.level is not None])

    def target(self, entry: Any) -> float | None:
        """The score is minus the distance of the activation from the level."""
        return None if entry.target is None else -abs(entry.target - (entry.level or 0.0))

    def require_whole(self, aim: Aim) -> None:
        """Raise ValueError unless the aim has a unit and a level."""
        super().require_whole(aim)
        if aim.level is None:
            raise ValueError("a level of no activation")

    def merit(self, values: Any, aim: Aim) -> Any:
        """Minus the distance from the level."""
        return -abs(values - (aim.level or 0.0))

    def measure(
        self, measurer: Measuring, stimulus: Any, aim: Aim, reference: Any = None, layers: Sequence[str] = ()
    ) -> Measured:
        """The activation, and how far from the level it may be."""
        assert aim.unit is not None
        tolerance = TOLERANCE * float(measurer.standardisation([aim.unit])[1][0])
        return super().measure(measurer, stimulus, aim) | {"tolerance": tolerance}

    def reasons(
        self, aim: Aim, measured: Measured, criteria: Mapping[str, Any], target_db: float | None = None
    ) -> Iterator[str]:
        """It must come within 5 % of the pool's spread of the level."""
        activation, tolerance = measured["activation"], measured["tolerance"]
        if aim.level is not None and abs(activation - aim.level) > tolerance:
            yield f"the activation {activation:.3g} is not within {tolerance:.2g} of the level {aim.level:.3g}"

    def wants(self, wish: Any, sites: Sequence[str], scale: Mapping[str, tuple[float, float]]) -> Iterator[Want]:
        """Each level of each site, as recorded."""
        for want in super().wants(wish, sites, scale):
            for number, level in enumerate(wish.levels):
                mean, spread = scale[want.sites[0]]
                asked = float(level) if wish.scale == "recorded" else round(mean + level * spread, 4)
                yield Want(want.sites, level=asked, part=f"l{number}")

    def asked(self, wish: Any, want: Want, as_fitted: Callable[[float, str], float]) -> dict[str, Any]:
        """One of the levels."""
        (site,) = want.sites
        return {"unit": {"site": site}, "level": want.level} | self.passed_on(wish, "levels")

    def best_naturals(self, noun: str) -> str:
        """What the report calls the natural images, or sounds, that do best."""
        return f"natural {noun}s nearest to the level"


GOAL = LevelGoal()
