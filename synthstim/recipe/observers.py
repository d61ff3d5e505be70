"""The observers that a recipe names."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_core import PydanticKnownError

from synthstim.catalogue import WEIGHTS_FILES
from synthstim.ids import OBSERVER_NAME, OBSERVER_RULE
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import PathText, Section, Text, check_file, check_whole
from synthstim.recipe.problems import problem, raise_problems

WEIGHTS = ("default", "random")
_FILE = f"'default', 'random' or the path of a {', '.join(WEIGHTS_FILES[:-1])} or {WEIGHTS_FILES[-1]} file"


def _check_weights(value: str, info: ValidationInfo) -> str:
    if value in WEIGHTS:
        return value
    if not value.endswith(WEIGHTS_FILES):
        raise problem(f"is {value[:100]!r}; expected {_FILE}")
    return check_file(value, info)


def _square(value: Any) -> Any:
    return (value, value) if type(value) is int else value


def by_name(value: Any) -> Any:
    """An observer's name alone as the mapping that it stands for."""
    return {"name": value} if isinstance(value, str) else value


Weights = Annotated[
    PathText,
    AfterValidator(_check_weights),
    Expected(_FILE),
]
Side = Annotated[int, Field(ge=1, le=8192)]
Size = Annotated[
    tuple[Side, Side],
    Field(strict=False),
    BeforeValidator(_square, json_schema_input_type=Side | tuple[Side, Side]),
    Expected("a whole number of pixels from 1 to 8192, or [height, width]"),
]

_Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Setting = Annotated[
    _Number | str | Annotated[tuple[_Number, ...], Field(strict=False)],
    Expected("a number from -1000000 to 1000000, text, or a list of such numbers"),
]


class ObserverSpec(Section):
    """The model that stimuli are made on.

    Attributes:
        name: as the list of observers has it.
        weights: ``default``, ``random``, or the path of a file of weights.
        size: (height, width) in pixels; None takes the observer's own. For images.
        duration_s: of the sounds; None takes the observer's own.
        rate_hz: at which sounds are saved and played.
        axes: what the axes of layers stand for, where that cannot be found out: layer, or pattern such as ``blocks.*``, ->
            ``channel y x``, ``y x channel``, ``1+14x14 channel`` (a class token, then a grid), ``frame channel``.
        settings: what a model of this package has besides, such as ``{scaling: 0.5, fixation: [128, 128]}`` of
            ``foveated`` or ``{diluted: 0.1}`` of those that smell.
    """

    name: Text
    weights: Weights = "default"
    size: Size | None = None
    duration_s: float | None = Field(default=None, gt=0, le=60)
    rate_hz: Annotated[
        Literal[16000, 20000, 22050, 24000, 32000, 44100, 48000, 96000], BeforeValidator(check_whole)
    ] = 48000
    axes: dict[Text, Text] = Field(default_factory=dict)
    settings: dict[Text, Setting] = Field(default_factory=dict)


def _named(value: dict[str, Any]) -> dict[str, Any]:
    raise_problems(
        ((name,), f"is no name of an observer; expected {OBSERVER_RULE}")
        for name in value
        if not OBSERVER_NAME.fullmatch(name)
    )
    return value


def _one_or_several(value: Any, info: ValidationInfo) -> Any:
    """Refuse an observer beside several, and none at all."""
    several = info.data.get("observers")
    if value is not None and several:
        raise problem("and observers are both given: remove one of them")
    if value is None and several is not None and not several:
        raise PydanticKnownError("missing")
    return value


SeveralObservers = Annotated[
    dict[Text, Annotated[ObserverSpec, BeforeValidator(by_name, json_schema_input_type=str | ObserverSpec)]],
    Field(min_length=2),
    AfterValidator(_named),
    Expected("two observers or more by names of your own, such as {a: efficientnet-lite0, b: squeezenet}"),
]
OneObserver = Annotated[
    ObserverSpec | None,
    BeforeValidator(by_name, json_schema_input_type=str | ObserverSpec),
    AfterValidator(_one_or_several),
    Expected(
        "the name of an observer, or a mapping with the keys name, weights, axes, and size or duration_s and rate_hz"
    ),
]
