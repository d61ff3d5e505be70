"""Images without colour, on a model that sees colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from synthstim.constraints.base import Limit
from synthstim.modalities.image import display_values, linear_light, linear_luminance
from synthstim.recipe.fields import Section


class ColourOptions(Section):
    """Whether an image has colours.

    Attributes:
        colour: ``grey`` makes all channels equal, as grey displays and recordings in grey want.
    """

    colour: Literal["full", "grey"] = "full"


@dataclass(frozen=True)
class Grey:
    """All channels equal: each pixel keeps its luminance and loses its colour.

    Example:
        >>> import torch
        >>> grey = Grey().project(torch.rand(1, 3, 8, 8))
        >>> bool((grey == grey[:, :1]).all())
        True
    """

    modality: ClassVar[str] = "image"

    def check(self, shape: tuple[int, ...]) -> None:
        """Every image can be grey."""

    def project(self, images: Tensor) -> Tensor:
        """The images (batch, channel, y, x) in grey of the same luminance."""
        return display_values(linear_luminance(linear_light(images))[:, None].clamp(0, 1)).expand_as(images)


def _make(asked: ColourOptions, input: object, recipe: object) -> Grey | None:
    return Grey() if asked.colour == "grey" else None


# Before the limits on luminance, which keep what is grey grey.
CONSTRAINT = Limit(ColourOptions, _make, "image", order=5)
