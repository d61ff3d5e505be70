"""Series of mixtures: between a metamer and its reference, or between any two stimuli."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, create_model, model_validator
from typing_extensions import Self

from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import FilePath, Name, Section, check_different, check_whole
from synthstim.recipe.problems import problem

PREFIXES = ("mix", "between")
Scale = Literal["share", "dB"]


class Steps(Section):
    """From which mixture to which, in so many equal steps; the numbers ``from`` and ``to`` are added below.

    Attributes:
        steps: mixtures, both ends included.
        scale: of ``from`` and ``to``: the share of the second stimulus, or by how many dB its amplitude exceeds the first one's.
    """

    steps: int = Field(ge=2, le=200)
    scale: Scale = "share"

    @model_validator(mode="after")
    def _check_ends(self) -> Self:
        low, high = self.ends
        if low == high:
            raise problem(f"goes from {low:g} to {high:g}: give two different numbers")
        if self.scale == "share" and not (0 <= low <= 1 and 0 <= high <= 1):
            raise problem(f"goes from {low:g} to {high:g}; expected shares from 0 to 1, or scale: dB")
        if self.scale == "dB" and not {"from", "to"} <= self.model_fields_set:
            raise problem("has scale 'dB' without from and to: give both, in dB")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        """From which number to which."""
        low, high = (float(getattr(self, name)) for name in _ENDS)
        return low, high

    @property
    def values(self) -> list[float]:
        """The number of each mixture, as the column ``mix`` has it."""
        low, high = self.ends
        last = self.steps - 1
        return [round((low * (last - number) + high * number) / last, 6) for number in range(self.steps)]


# ``from`` is a word of Python, which no class body takes as a name.
_END = Annotated[float, Field(ge=-100, le=100)]
_ENDS: dict[str, Any] = {"from": (_END, 0.0), "to": (_END, 1.0)}
if TYPE_CHECKING:
    SeriesSpec = Steps
else:
    SeriesSpec = create_model("SeriesSpec", __base__=Steps, **_ENDS)


class SeriesEntry(SeriesSpec):
    """A series between two files.

    Attributes:
        name: ids begin with ``between_`` and it.
        between: the files, the one with share 0 first, as references are read.
        bits: of the files that are written; None takes 8 and 24.
    """

    name: Name
    between: Annotated[
        tuple[FilePath, FilePath],
        Field(strict=False),
        AfterValidator(check_different),
        Expected("a list of two paths of images or sounds"),
    ]
    bits: Annotated[Literal[8, 16, 24, 32], BeforeValidator(check_whole)] | None = None


def share_of(mix: float, scale: str) -> float:
    """The share of the second stimulus in a mixture.

    >>> share_of(0.25, "share"), share_of(0.0, "dB")
    (0.25, 0.5)
    """
    if scale == "share":
        return mix
    gain = 10 ** (mix / 20)
    return gain / (1 + gain)


def reserved_for_mixtures(name: str) -> bool:
    """Whether stimuli of an entry of this name could have the id of a mixture."""
    return any(name.lower() == prefix or name.lower().startswith(f"{prefix}_") for prefix in PREFIXES)
