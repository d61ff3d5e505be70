"""The entries of a recipe: metamers and controllers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from typing_extensions import Self

from synthstim.recipe.constraints import Constraints, Limits
from synthstim.recipe.expected import Expected, listed
from synthstim.recipe.fields import (
    Activation,
    FilePath,
    LayerName,
    Name,
    Section,
    Text,
    Weight,
    check_different,
    check_whole,
    in_a_list,
)
from synthstim.recipe.making import Optimiser, Parametrisation, Start
from synthstim.recipe.problems import raise_problems
from synthstim.recipe.units import SITES, OthersSpec, UnitSpec
from synthstim.recipe.yaml_source import Location

References = Annotated[
    tuple[FilePath, ...],
    Field(min_length=1, strict=False),
    BeforeValidator(in_a_list),
    AfterValidator(check_different),
    Expected("the path of an image or sound, or a list of them"),
]
JointLayers = Annotated[
    tuple[LayerName, ...],
    Field(min_length=1, strict=False),
    BeforeValidator(in_a_list),
    AfterValidator(check_different),
    Expected("the name of a layer, or a list of names to match jointly"),
]
Layers = Annotated[
    tuple[JointLayers, ...],
    Field(min_length=1, strict=False),
    AfterValidator(check_different),
    Expected("a list of layers, such as [blocks.0, blocks.2]"),
]


class StimulusSpec(Section):
    """What every entry may say.

    Attributes:
        name: the ids of the stimuli begin with it.
        copies: stimuli that differ only in their seed.
        bits: of the files: 8 or 16 for PNG; 16, 24 or 32 (floating point) for WAV. None takes 8 and 24.
        parametrisation: what is optimised; None takes the default of the modality.
        start: what synthesis starts from: noise with a spectrum of 1/f (pink) or a flat one (white), noise with the
            long-term spectrum of the reference (shaped, for sounds), or a file. A metamer that starts from its own
            reference is no metamer: it never had to be found.
        optimiser: None takes the default of the kind.
        evaluations: the most forward and backward passes that an item may spend.
        seconds: the most time that the synthesis of a stimulus may take, with those of its batch.
        plateau: an item stops when it improves by less than this, relative to its score.
        total_variation: weight of the penalty on differences between neighbouring pixels.
        constraints: hard limits on the stimulus.
    """

    name: Name
    copies: int = Field(default=1, ge=1, le=1000)
    bits: Annotated[Literal[8, 16, 24, 32], BeforeValidator(check_whole)] | None = None
    parametrisation: Parametrisation | None = None
    start: Start = "pink"
    optimiser: Optimiser | None = None
    evaluations: int | None = Field(default=None, ge=1, le=1_000_000)
    seconds: float | None = Field(default=None, gt=0, le=1_000_000)
    plateau: float | None = Field(default=None, ge=0, le=1)
    total_variation: Weight = 0.0
    constraints: Limits = Constraints()


class Metamer(StimulusSpec):
    """Images or sounds that a layer, or several jointly, cannot tell from a reference.

    Attributes:
        reference: one file or several, relative to the recipe's folder; each gets metamers of its own.
        layers: one metamer for each; a layer that stands alone is a tuple of one name, and the names of a longer
            tuple are matched jointly. An observer may give a name to a group of its layers.
        metric: how far apart activations are.
        target_db: an item stops when it matches this well, in dB (20 log10); None leaves it to the other limits.
    """

    kind: Literal["metamer"]
    reference: References
    layers: Layers
    metric: Literal["l2", "pearson"] = "l2"
    target_db: float | None = Field(default=None, ge=-300, le=300)


class RobustnessSpec(Section):
    """The small changes of the image under which a controller is to hold.

    Attributes:
        jitter: the largest shift, in pixels.
        scale: the largest change of size, as a fraction.
        rotation: the largest turn, in degrees.
    """

    jitter: int = Field(default=0, ge=0, le=4096)
    scale: float = Field(default=0.0, ge=0, le=0.9)
    rotation: float = Field(default=0.0, ge=0, le=180)


def _check_levels(values: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(check_different(values))


Levels = Annotated[
    tuple[Activation, ...],
    Field(min_length=1, strict=False),
    AfterValidator(_check_levels),
    Expected("a list of activations, such as [0, 2, 4]"),
]
Pattern = Annotated[
    dict[Text, Activation],
    Field(min_length=1),
    Expected("z-scores by the names of sites, such as {v4_01: 1.5, v4_02: -1}"),
]
# What goes with one goal only, or with some.
_GOES_WITH = {
    "level": ("level",),
    "levels": ("level",),
    "others": ("one_hot",),
    "temperature": ("one_hot",),
    "zscore": ("one_hot",),
    "pattern": ("pattern",),
    "caution": ("drive", "suppress", "level"),
}


class Controller(StimulusSpec):
    """Images or sounds that bring a unit where the goal says.

    Attributes:
        goal: drive or suppress the unit, bring it to a level, drive it and hold others down (one_hot), or bring a
            population of fitted sites to a pattern.
        unit: the unit, or several channels or fitted sites of which each gets controllers of its own; a pattern has none.
        others: the units that one_hot holds down; of a fitted site, all other sites by default.
        level: the activation that goal level wants; of a fitted site, its response as recorded.
        levels: several of them, of which each gets copies of its own.
        pattern: the responses that goal pattern wants of fitted sites, in z-scores.
        caution: from the score of a fitted site's controller this many standard deviations, over the members of an
            ensemble of fits, are taken: so a site is driven or suppressed where the members agree.
        target: an item stops when the activation reaches it; of a pattern, when it is as near as this.
        temperature: of one_hot's softmax; higher spreads the weight over more of the others.
        zscore: whether one_hot compares units in z-scores: over the pool, or of fitted sites by their measured responses.
        robustness: small changes under which the image is to hold; None asks for none.
        diversity: weight of the differences between the copies.
    """

    kind: Literal["controller"]
    goal: Literal["drive", "suppress", "level", "one_hot", "pattern"]
    unit: UnitSpec | None = None
    others: OthersSpec | None = None
    level: Activation | None = None
    levels: Levels | None = None
    pattern: Pattern | None = None
    caution: Weight = 0.0
    target: Activation | None = None
    temperature: float = Field(default=1.0, gt=0.0001, le=1_000_000)
    zscore: bool = True
    robustness: RobustnessSpec | None = None
    diversity: Weight = 0.0

    @property
    def layer(self) -> str:
        """The layer of the unit, or of the sites of a pattern."""
        return SITES if self.unit is None else self.unit.layer

    @property
    def of_sites(self) -> bool:
        """Whether fitted sites are controlled, by name."""
        return self.unit is None or self.unit.of_sites

    @model_validator(mode="after")
    def _check_goal(self) -> Self:
        problems = list(self._lacking())
        for key, goals in _GOES_WITH.items():
            if key in self.model_fields_set and getattr(self, key) is not None and self.goal not in goals:
                wanted = listed([repr(goal) for goal in goals], "or")
                problems.append(((key,), f"goes with goal {wanted}, but the goal here is {self.goal!r}: remove it"))
        if self.goal == "level" and self.levels is not None:
            why = "does not go with levels: remove it"
            problems += [((key,), why) for key in ("level", "target") if getattr(self, key) is not None]
        if self.goal == "pattern" and self.unit is not None:
            problems.append((("unit",), "does not go with goal 'pattern', which names its sites: remove it"))
        if self.goal in _GOES_WITH["caution"] and self.caution and not self.of_sites:
            problems.append((("caution",), "goes with fitted sites, but the unit here is none: remove it"))
        raise_problems([*problems, *self._other_problems()])
        return self

    def _lacking(self) -> Iterator[tuple[Location, str]]:
        if self.goal == "level" and self.level is None and self.levels is None:
            yield ("goal",), "'level' needs level: give the activation that the unit is to have"
        if self.goal == "one_hot" and self.others is None and not (self.unit is None or self.unit.of_sites):
            yield ("goal",), "'one_hot' needs others: give the units to hold down, as layer and channels"
        if self.goal == "pattern" and self.pattern is None:
            yield ("goal",), "'pattern' needs pattern: give the z-scores that the sites are to have, by their names"
        if self.goal != "pattern" and self.unit is None:
            yield ("goal",), f"{self.goal!r} needs unit: give the unit to control, as layer and channel, or as site"

    def _other_problems(self) -> Iterator[tuple[Location, str]]:
        if self.others is None or self.unit is None:
            return
        if (self.others.sites is not None) != self.unit.of_sites:
            came = ("sites", "a unit of a layer") if self.others.sites is not None else ("units of a layer", "a site")
            yield ("others",), f"are {came[0]}, but what is driven is {came[1]}: give both in one way"
        elif not self.unit.of_sites:
            for key, place, number in self.others.shared(self.unit):
                yield ("others", key, place), f"is {number}, which the unit to drive has too: remove it"


Entry = Annotated[
    Metamer | Controller, Field(discriminator="kind"), Expected("a mapping with name, kind and what the kind needs")
]
Entries = Annotated[
    tuple[Entry, ...], Field(min_length=1, strict=False), Expected("a list of stimuli, each with a name and a kind")
]
