"""How a stimulus is made: what is optimised, what it starts from, by which optimiser."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny, ValidationInfo, model_validator
from typing_extensions import Self

from synthstim.kinds import PARAMETRISATIONS
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import PathText, Section, check_file
from synthstim.recipe.problems import raise_problems
from synthstim.recipe.registered import Options, Registered
from synthstim.recipe.yaml_source import Location

STARTS = ("pink", "white", "shaped")


class OptimiserSpec(Section):
    """An optimiser and its settings; None leaves a setting to the optimiser.

    Attributes:
        step: step size; for lbfgs, of the first step.
        history: pairs of differences that lbfgs keeps.
        schedule: how the step shrinks over the evaluations; lbfgs has none.
        momentum: of adam, how much of its mean gradient is that of the evaluation before.
    """

    name: Literal["lbfgs", "adam", "gradient", "normalised_gradient"]
    step: float | None = Field(default=None, gt=0, le=1_000_000)
    history: int | None = Field(default=None, ge=1, le=500)
    schedule: Literal["constant", "cosine", "halving", "late"] | None = None
    momentum: float | None = Field(default=None, ge=0, lt=1)

    @model_validator(mode="after")
    def _check_settings(self) -> Self:
        problems: list[tuple[Location, str]] = []
        if self.history is not None and self.name != "lbfgs":
            problems.append((("history",), f"goes with optimiser 'lbfgs', but this one is {self.name!r}: remove it"))
        if self.schedule is not None and self.name == "lbfgs":
            problems.append(
                (("schedule",), "does not go with optimiser 'lbfgs', which searches for its steps: remove it")
            )
        if self.momentum is not None and self.name != "adam":
            problems.append((("momentum",), f"goes with optimiser 'adam', but this one is {self.name!r}: remove it"))
        raise_problems(problems)
        return self


def _optimiser(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


def _check_start(value: str, info: ValidationInfo) -> str:
    return value if value in STARTS else check_file(value, info)


_PARAMETRISATION = Registered(PARAMETRISATIONS)
Parametrisation = Annotated[
    SerializeAsAny[Options],
    BeforeValidator(_PARAMETRISATION.read, json_schema_input_type=str | dict[str, Any]),
    _PARAMETRISATION,
]
Optimiser = Annotated[
    OptimiserSpec,
    BeforeValidator(_optimiser, json_schema_input_type=str | OptimiserSpec),
    Expected("the name of an optimiser, or a mapping with the keys name, step, history, schedule and momentum"),
]
Start = Annotated[
    PathText, AfterValidator(_check_start), Expected("'pink', 'white', 'shaped' or the path of an image or sound")
]
