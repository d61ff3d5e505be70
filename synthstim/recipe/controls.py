"""The images that controllers are compared with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from synthstim.recipe.fields import Section

Number = Annotated[int, Field(ge=0, le=100)]
KINDS = ("best_natural", "noise", "gabor", "other_site")
# Ids of the controls that are made begin so.
PREFIXES = ("natural", "noise", "gabor")


class ControlsSpec(Section):
    """How many controls each unit and goal gets, by kind.

    Attributes:
        best_natural: of the natural pool, those that the model predicts best in the goal's direction.
        noise: noise with the spectrum, luminance and contrast of the unit's own controllers.
        gabor: Gabors fitted to the goal.
        other_site: controllers that were made for other units with the same goal; no new stimulus.
    """

    best_natural: Number = 0
    noise: Number = 0
    gabor: Number = 0
    other_site: Number = 0

    def asked(self) -> dict[str, int]:
        """The kinds of which there are to be some."""
        return {kind: number for kind in KINDS if (number := getattr(self, kind))}


def reserved(name: str) -> bool:
    """Whether stimuli of an entry of this name could have the id of a control."""
    return any(name.lower() == prefix or name.lower().startswith(f"{prefix}_") for prefix in PREFIXES)
