"""The entries of a recipe: metamers and controllers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from typing_extensions import Self

from synthstim.recipe.constraints import Constraints
from synthstim.recipe.fields import FilePath, LayerName, Name, Section, check_different, check_whole, in_a_list
from synthstim.recipe.making import Optimiser, Parametrisation, Start
from synthstim.recipe.problems import raise_problems
from synthstim.recipe.units import OthersSpec, UnitSpec
from synthstim.recipe.wanted import Wanted
from synthstim.recipe.yaml_source import Location

References = Annotated[
    tuple[FilePath, ...],
    Field(min_length=1, strict=False),
    BeforeValidator(in_a_list),
    AfterValidator(check_different),
    Wanted("the path of an image or sound, or a list of them"),
]
JointLayers = Annotated[
    tuple[LayerName, ...],
    Field(min_length=1, strict=False),
    BeforeValidator(in_a_list),
    AfterValidator(check_different),
    Wanted("the name of a layer, or a list of names to match jointly"),
]
Layers = Annotated[
    tuple[JointLayers, ...],
    Field(min_length=1, strict=False),
    AfterValidator(check_different),
    Wanted("a list of layers, such as [blocks.0, blocks.2]"),
]


class Stimulus(Section):
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
        seconds: the most time that the entry may take.
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
    evaluations: int | None = Field(default=None, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    plateau: float | None = Field(default=None, ge=0)
    total_variation: float = Field(default=0.0, ge=0)
    constraints: Constraints = Constraints()


class Metamer(Stimulus):
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
    target_db: float | None = None


class Robustness(Section):
    """The small changes of the image under which a controller is to hold.

    Attributes:
        jitter: the largest shift, in pixels.
        scale: the largest change of size, as a fraction.
        rotation: the largest turn, in degrees.
    """

    jitter: int = Field(default=0, ge=0)
    scale: float = Field(default=0.0, ge=0, le=0.9)
    rotation: float = Field(default=0.0, ge=0, le=180)


class Controller(Stimulus):
    """Images or sounds that bring a unit where the goal says.

    Attributes:
        goal: drive or suppress the unit, bring it to a level, or drive it and hold others down (one_hot).
        unit: the unit, or several channels of which each gets controllers of its own.
        others: the units that one_hot holds down.
        level: the activation that goal level wants.
        target: an item stops when the activation reaches it.
        temperature: of one_hot's softmax; higher spreads the weight over more of the others.
        zscore: whether one_hot compares units after scaling each by its mean and deviation over the pool.
        robustness: small changes under which the image is to hold; None asks for none.
        diversity: weight of the differences between the copies.
    """

    kind: Literal["controller"]
    goal: Literal["drive", "suppress", "level", "one_hot"]
    unit: UnitSpec
    others: OthersSpec | None = None
    level: float | None = None
    target: float | None = None
    temperature: float = Field(default=1.0, gt=0)
    zscore: bool = True
    robustness: Robustness | None = None
    diversity: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _check_goal(self) -> Self:
        problems: list[tuple[Location, str]] = []
        if self.goal == "level" and self.level is None:
            problems.append((("goal",), "'level' needs level: give the activation that the unit is to have"))
        if self.goal == "one_hot" and self.others is None:
            problems.append((("goal",), "'one_hot' needs others: give the units to hold down, as layer and channels"))
        for key, goal in (("level", "level"), ("others", "one_hot"), ("temperature", "one_hot"), ("zscore", "one_hot")):
            if key in self.model_fields_set and getattr(self, key) is not None and self.goal != goal:
                problems.append(((key,), f"goes with goal {goal!r}, but the goal here is {self.goal!r}: remove it"))
        if self.others is not None:
            for key, place, number in self.others.shared(self.unit):
                problems.append((("others", key, place), f"is {number}, which the unit to drive has too: remove it"))
        raise_problems(problems)
        return self


Entry = Annotated[
    Metamer | Controller, Field(discriminator="kind"), Wanted("a mapping with name, kind and what the kind needs")
]
Entries = Annotated[
    tuple[Entry, ...], Field(min_length=1, strict=False), Wanted("a list of stimuli, each with a name and a kind")
]
