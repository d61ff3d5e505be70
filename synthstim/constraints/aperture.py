"""A window on images, mid-grey outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import BeforeValidator
from torch import Tensor

from synthstim.constraints.base import GREY, Limit
from synthstim.constraints.place import Round, Size
from synthstim.encoding.receptive_fields import DIAMETER_SDS
from synthstim.errors import InputError
from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import Section
from synthstim.recipe.yaml_source import Location


class Window(Round):
    """A window on the image; outside it the image is mid-grey.

    Attributes:
        shape: a circular window has a diameter, a gaussian one a sigma.
        sigma: fraction of the image's smaller side; of a receptive field, a quarter of its diameter.
    """

    shape: Literal["circular", "gaussian"] = "circular"
    sigma: Size | None = None

    @property
    def sizes(self) -> tuple[str, ...]:
        """The keys that a site's receptive field stands for."""
        return ("diameter", "sigma", "centre")

    def sized(self, diameter: float) -> dict[str, Any]:
        """The key of a size that has this diameter."""
        return super().sized(diameter) if self.shape == "circular" else {"sigma": diameter / DIAMETER_SDS}

    def problems(self) -> Iterator[tuple[Location, str]]:
        """What of its keys does not go together."""
        yield from super().problems()
        if self.of is not None:
            return
        needed, other = ("diameter", "sigma") if self.shape == "circular" else ("sigma", "diameter")
        if getattr(self, needed) is None:
            yield ("shape",), f"{self.shape!r} needs {needed}: give a fraction of the smaller side"
        if getattr(self, other) is not None:
            yield (other,), f"does not go with shape {self.shape!r}: remove it"


def _of_site(value: Any) -> Any:
    return {"of": value} if value == "site" else value


class ApertureOptions(Section):
    """What of an image is seen.

    Attributes:
        aperture: a window on the image; ``site`` is that of the receptive field of the site that is controlled.
    """

    aperture: (
        Annotated[
            Window,
            BeforeValidator(_of_site, json_schema_input_type=Literal["site"] | Window),
            Expected("'site', or a mapping with shape and its size"),
        ]
        | None
    ) = None


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
                f"an aperture of {self.size:g} of the smaller side, {self.size * min(shape[1:]):.3g} pixels, given; expected 2 pixels or more, up to the whole side",
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
    window.require_placed()
    return Aperture(shape=window.shape, size=window.diameter or window.sigma or 1.0, centre=window.centre)


CONSTRAINT = Limit(ApertureOptions, _make, "image", order=20)
