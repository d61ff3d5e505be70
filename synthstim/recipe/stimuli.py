"""What the entries of a recipe say whatever their goal, and the items that they ask for; goals add keys of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from typing_extensions import Self

from synthstim.recipe.constraints import Constraints, Limits
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import (
    Activation,
    FilePath,
    LayerName,
    Name,
    Section,
    Weight,
    check_different,
    check_whole,
    in_a_list,
)
from synthstim.recipe.making import Optimiser, Parametrisation, Start
from synthstim.recipe.problems import raise_problems
from synthstim.recipe.series import SeriesSpec
from synthstim.recipe.yaml_source import Location

References = Annotated[
    tuple[FilePath, ...],
    Field(min_length=1, strict=False),
    BeforeValidator(in_a_list, json_schema_input_type=str | tuple[str, ...]),
    AfterValidator(check_different),
    Expected("the path of an image or sound, or a list of them"),
]
JointLayers = Annotated[
    tuple[LayerName, ...],
    Field(min_length=1, strict=False),
    BeforeValidator(in_a_list, json_schema_input_type=str | tuple[str, ...]),
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
            spectrum of the reference (shaped; of images with its histogram, too; of foveated ones with the means of windows), or a file. Textures
            start shaped. A metamer that starts from its own reference is no metamer: it never had to be found.
        optimiser: None takes the default of the kind.
        evaluations: the most forward and backward passes that an item may spend.
        seconds: the most time that the synthesis of a stimulus may take, with those of its batch.
        plateau: an item stops when it improves by less than this, relative to its score.
        total_variation: weight of the penalty on differences between neighbouring pixels.
        constraints: hard limits on the stimulus.
        kind: ``metamer``, ``controller`` or ``distortion``.
        goal: what the stimuli are to do (``synthstim.goals``).
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
    kind: str
    goal: str

    @property
    def layers_named(self) -> tuple[str, ...]:
        """The layers, and groups of them, at which stimuli are compared with their reference."""
        return ()

    @property
    def of_sites(self) -> bool:
        """Whether fitted sites are controlled, by name."""
        return False


class OfReference(StimulusSpec):
    """Stimuli that are made of another.

    Attributes:
        reference: one file or several, relative to the recipe's folder; each gets stimuli of its own.
    """

    reference: References


class Metamer(OfReference):
    """Images or sounds that a layer, or several jointly, cannot tell from a reference.

    Attributes:
        layers: one metamer for each; a layer that stands alone is a tuple of one name, and the names of a longer
            tuple are matched jointly. An observer may give a name to a group of its layers.
        metric: how far apart activations are.
        target_db: an item stops when it matches this well, in dB (20 log10); None leaves it to the other limits.
        series: mixtures of the reference and each metamer, which become stimuli of their own.
    """

    kind: Literal["metamer"]
    goal: Literal["match"] = "match"
    layers: Layers
    metric: Literal["l2", "pearson"] = "l2"
    target_db: float | None = Field(default=None, ge=-300, le=300)
    series: SeriesSpec | None = None

    @property
    def layers_named(self) -> tuple[str, ...]:
        """The layers that are matched."""
        return tuple(layer for joint in self.layers for layer in joint)


class Distortion(OfReference):
    """Images or sounds that differ from a reference in a way that is asked for."""

    kind: Literal["distortion"]

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        raise_problems(self.problems())
        return self

    def problems(self) -> Iterator[tuple[Location, str]]:
        """What of the entry's keys does not go together."""
        yield from ()


class RobustnessSpec(Section):
    """The small changes of the image under which a controller is to hold.

    Attributes:
        jitter: the largest shift, in pixels.
        scale: the largest change of size, as a fraction.
        rotation: the largest turn, in degrees.
        blur: the largest standard deviation of a Gaussian blur, in pixels.
    """

    jitter: int = Field(default=0, ge=0, le=4096)
    scale: float = Field(default=0.0, ge=0, le=0.9)
    rotation: float = Field(default=0.0, ge=0, le=180)
    blur: float = Field(default=0.0, ge=0, le=256)


class Controller(StimulusSpec):
    """Images or sounds that bring units where the goal says.

    Attributes:
        target: an item stops when what it is judged by reaches this; of a distance, when it is as near.
        robustness: small changes under which the image is to hold; None asks for none.
        diversity: weight of the differences between the copies.
    """

    kind: Literal["controller"]
    target: Activation | None = None
    robustness: RobustnessSpec | None = None
    diversity: Weight = 0.0

    @model_validator(mode="after")
    def _check_keys(self) -> Self:
        raise_problems(self.problems())
        return self

    def problems(self) -> Iterator[tuple[Location, str]]:
        """What of the entry's keys does not go together."""
        yield from ()

    @property
    def says_what(self) -> str:
        """The key that says what is controlled."""
        raise NotImplementedError

    @property
    def layer(self) -> str:
        """The layer of what is controlled."""
        raise NotImplementedError

    def named_sites(self) -> Iterator[tuple[Location, str]]:
        """Every fitted site that the entry names, and where."""
        yield from ()

    def fit_problems(
        self, sites: Sequence[str], observer: str, spread: Callable[[], bool]
    ) -> Iterator[tuple[Location, str]]:
        """What the entry asks of the observer's fit besides, and it has not.

        Args:
            sites: names of the fitted sites.
            observer: how messages call it.
            spread: whether it has a spread over the members of an ensemble.
        """
        yield from ()


@dataclass(frozen=True)
class Variant:
    """One of the ways in which the items of an entry differ, such as one of its levels.

    Attributes:
        given: what it sets of an item, by name.
        part: of the item's id; "" for none.
        seeded: what the item's seed depends on, by name.
    """

    given: Mapping[str, Any]
    part: str = ""
    seeded: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One stimulus to make.

    Attributes:
        stimulus_id: unique in the recipe whatever the case; 64 characters at most.
        entry: the entry of the recipe that asks for it.
        reference: a metamer's reference, as the recipe writes it: ``recipe.resolve(item.reference)`` is the file.
        layers: the layers that a metamer matches, jointly when there are several.
        channel: the channel of a controller; None for flat indices.
        site: the fitted site of a controller; None for units of a layer, and for several sites together.
        level: the activation that the item is to reach.
        given: what else sets it apart, by the names that its goal gives.
        copy: number of the copy, from 0.
        seed: of the item's own random generator, 48 bits.
    """

    stimulus_id: str
    entry: StimulusSpec
    reference: str | None = None
    layers: tuple[str, ...] | None = None
    channel: int | None = None
    site: str | None = None
    level: float | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    copy: int
    seed: int
