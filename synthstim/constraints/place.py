"""Where in an image a constraint holds: at a place that a recipe gives, or where the site sees that is controlled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from synthstim.errors import InputError
from synthstim.models import ReceptiveField
from synthstim.recipe.fields import Section
from synthstim.recipe.problems import raise_problems
from synthstim.recipe.yaml_source import Location

Away = Annotated[float, Field(ge=-8, le=8)]
Size = Annotated[float, Field(gt=0, le=1)]


class Round(Section):
    """A round place in the image.

    Attributes:
        of: ``site`` takes centre and diameter from the receptive field of the fitted site that is controlled.
        times: how often its diameter.
        diameter: fraction of the image's smaller side.
        centre: right of and above the image's centre, as fractions of its smaller side: where a receptive field is.
    """

    of: Literal["site"] | None = None
    times: float = Field(default=1.0, gt=0, le=100)
    diameter: Size | None = None
    centre: tuple[Away, Away] = Field(default=(0.0, 0.0), strict=False)

    @model_validator(mode="after")
    def _check_place(self) -> Self:
        raise_problems(self.problems())
        return self

    def problems(self) -> Iterator[tuple[Location, str]]:
        """What of its keys does not go together."""
        if self.of is None and "times" in self.model_fields_set:
            yield ("times",), "goes with of: site: remove it"
        if self.of is not None:
            for name in (name for name in self.sizes if name in self.model_fields_set):
                yield (name,), "does not go with of: site, which says where and how large: remove it"

    @property
    def sizes(self) -> tuple[str, ...]:
        """The keys that a site's receptive field stands for."""
        return ("diameter", "centre")

    def placed(self, field: ReceptiveField) -> Self:
        """The same at a receptive field.

        Raises:
            InputError: it would be larger than the image.
        """
        if (diameter := self.times * field.diameter) > 1:
            raise InputError(
                f"{self.times:g} times a receptive field of {field.diameter:.3g} of the image given; expected 1 at most",
                f"choose times up to {1 / field.diameter:.3g}",
                code="too-large",
            )
        left = {"of", "times", *self.sizes}
        own: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields if name not in left}
        return self.model_construct(**own, **self.sized(diameter), centre=(field.right, field.up))

    def sized(self, diameter: float) -> dict[str, Any]:
        """The key of a size that has this diameter."""
        return {"diameter": diameter}

    def require_placed(self) -> None:
        """Raise InputError if it is of a site still."""
        if self.of is not None:
            raise InputError("a constraint of a site given, but no site is controlled", "give diameter and centre")


def placed(asked: Section, field: Callable[[], ReceptiveField]) -> Section:
    """Constraints of a recipe with those of a site at its receptive field, which is asked for only if there are some."""
    of_site = {
        name: value.placed(field())
        for name in asked.model_fields_set
        if isinstance(value := getattr(asked, name), Round) and value.of is not None
    }
    return asked.model_copy(update=of_site) if of_site else asked
