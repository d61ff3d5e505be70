"""A window on images, mid-grey outside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor
from typing_extensions import Self

from synthstim.constraints.base import GREY, Limit
from synthstim.errors import InputError
from synthstim.recipe.fields import Section
from synthstim.recipe.problems import raise_problems

Away = Annotated[float, Field(ge=-8, le=8)]


class Window(Section):
    """A window on the image; outside it the image is mid-grey.

    Attributes:
        shape: a circular window has a diameter, a gaussian one a sigma.
        diameter: fraction of the image's smaller side.
        sigma: fraction of the image's smaller side.
        centre: of the window, right of and above the image's centre, as fractions of its smaller side: where a receptive
            field is.
    """

    shape: Literal["circular", "gaussian"]
    diameter: float | None = Field(default=None, gt=0, le=1)
    sigma: float | None = Field(default=None, gt=0, le=1)
    centre: tuple[Away, Away] = Field(default=(0.0, 0.0), strict=False)

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        needed, other = ("diameter", "sigma") if self.shape == "circular" else ("sigma", "diameter")
        problems = []
        if getattr(self, needed) is None:
            problems.append((("shape",), f"{self.shape!r} needs {needed}: give a fraction of the smaller side"))
        if getattr(self, other) is not None:
            problems.append(((other,), f"does not go with shape {self.shape!r}: remove it"))
        raise_problems(problems)
        return self


class ApertureOptions(Section):
    """What of an image is seen.

    Attributes:
        aperture: a window on the image.
    """

    aperture: Window | None = None


@dataclass(frozen=True, kw_only=True)
class Aperture:
    """A window on a mid-grey surround: the window bounds how far from mid-grey a pixel may be.

    Windowing what is windowed already would narrow a soft window again and again, so images are cut to the bound,
    which every image multiplied by the window respects, rather than multiplied by it.

    Attributes:
        shape: ``circular`` (edge softened over one pixel) or ``gaussian``.
        size: circular, the diameter; gaussian, the standard deviation; as a fraction of the smaller side.
        centre: of the window, right of and above the image's centre, as fractions of the smaller side.
    """

    shape: str = "circular"
    size: float = 1.0
    centre: tuple[float, float] = (0.0, 0.0)
    modality: ClassVar[str] = "image"

    def check(self, shape: tuple[int, ...]) -> None:
        """The window must show something."""
        if self.shape not in ("circular", "gaussian"):
            raise InputError(f"aperture {self.shape!r} is unknown", "choose circular or gaussian", code="unknown")
        if not 0 < self.size <= 1 or self.size * min(shape[1:]) < 2:
            raise InputError(
                f"an aperture of {self.size:g} of {min(shape[1:])} pixels given; expected at least 2 pixels, at most 1",
                code="too-few",
            )

        sides = shape[2] / min(shape[1:]) / 2, shape[1] / min(shape[1:]) / 2
        if any(abs(at) >= side for at, side in zip(self.centre, sides, strict=True)):
            raise InputError(
                f"an aperture centred at {self.centre[0]:g}, {self.centre[1]:g} of the smaller side given; expected a place within the"
                f" image, less than {sides[0]:.3g} to either side and {sides[1]:.3g} up and down"
            )

    def project(self, images: Tensor) -> Tensor:
        """Cut deviations from mid-grey to the window, half the display range at its centre."""
        most = GREY * self.window(images)
        return GREY + torch.minimum(torch.maximum(images - GREY, -most), most)

    def window(self, images: Tensor) -> Tensor:
        """Weights (y, x) in [0, 1]."""
        height, width = images.shape[-2:]
        side = min(height, width)
        right, up = (at * side for at in self.centre)
        y = torch.arange(height, device=images.device, dtype=images.dtype) - (height - 1) / 2 + up
        x = torch.arange(width, device=images.device, dtype=images.dtype) - (width - 1) / 2 - right
        radius = (y[:, None] ** 2 + x[None] ** 2).sqrt()
        size = self.size * side
        return (
            torch.exp(-0.5 * (radius / size) ** 2)
            if self.shape == "gaussian"
            else (size / 2 + 0.5 - radius).clamp(0, 1)
        )


def _make(asked: ApertureOptions, input: object, recipe: object) -> Aperture | None:
    if (window := asked.aperture) is None:
        return None
    return Aperture(shape=window.shape, size=window.diameter or window.sigma or 1.0, centre=window.centre)


CONSTRAINT = Limit(ApertureOptions, _make, "image", order=20)
