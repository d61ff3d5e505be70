"""What every stimulus of an entry must keep to, whatever the goal."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator
from typing_extensions import Self

from synthstim.recipe.expected import Expected
from synthstim.recipe.fields import FilePath, Section
from synthstim.recipe.problems import raise_problems


class Aperture(Section):
    """A window on the image; outside it the image is mid-grey.

    Attributes:
        shape: a circular window has a diameter, a gaussian one a sigma.
        diameter: fraction of the image's smaller side.
        sigma: fraction of the image's smaller side.
    """

    shape: Literal["circular", "gaussian"]
    diameter: float | None = Field(default=None, gt=0, le=1)
    sigma: float | None = Field(default=None, gt=0, le=1)

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


class Fixed(Section):
    """Pixels that stay as an image has them.

    Attributes:
        image: the image that the pixels come from.
        mask: an image that is white where pixels are fixed, black where they are free.
    """

    image: FilePath
    mask: FilePath


def _band(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


Frequency = Annotated[float, Field(ge=0, le=1_000_000)]
Band = Annotated[
    tuple[Frequency, Frequency], BeforeValidator(_band), Expected("two frequencies in Hz, such as [200, 4000]")
]


class Constraints(Section):
    """Hard limits on an image or a sound; None sets no limit, or the default of sounds.

    Attributes:
        mean_luminance: relative luminance (linear light), between 0 and 1.
        rms_contrast: standard deviation over mean of the luminance (linear light).
        energy: the largest root-mean-square deviation from mid-grey, in display values.
        aperture: a window on the image.
        fixed: pixels that stay as they are.
        level_dbfs: of a sound, its root mean square in dB re full scale; by default the recipe's; ``free`` sets none.
        peak_dbfs: of a sound, the largest absolute value in dB re full scale.
        band_hz: of a sound, the frequencies that it may hold.
        ramp_ms: of a sound, raised-cosine onset and offset.
    """

    mean_luminance: float | None = Field(default=None, gt=0, lt=1)
    rms_contrast: float | None = Field(default=None, ge=0, le=1000)
    energy: float | None = Field(default=None, gt=0, le=0.5)
    aperture: Aperture | None = None
    fixed: Fixed | None = None
    level_dbfs: Annotated[float, Field(ge=-120, lt=0)] | Literal["free"] | None = None
    peak_dbfs: float = Field(default=0.0, ge=-120, le=0)
    band_hz: Band | None = None
    ramp_ms: float | None = Field(default=None, gt=0, le=10_000)

    @model_validator(mode="after")
    def _check_contrast(self) -> Self:
        if self.mean_luminance is not None and self.rms_contrast is not None:
            # Values in [0, 1] with mean m spread most when they are 0 or 1 only.
            most = math.sqrt((1 - self.mean_luminance) / self.mean_luminance)
            if self.rms_contrast >= most:
                why = (
                    f"is {self.rms_contrast:g}, but at mean luminance {self.mean_luminance:g} it stays below {most:.3g}"
                )
                raise_problems([(("rms_contrast",), f"{why}: ask for less")])
        return self
