"""How light images are, and their contrast, of linear light under sRGB decoding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field, model_validator
from torch import Tensor
from typing_extensions import Self

from synthstim.constraints.base import Limit
from synthstim.errors import InputError
from synthstim.modalities.image import display_values, linear_light, linear_luminance
from synthstim.recipe.fields import Section
from synthstim.recipe.problems import raise_problems

ROUNDS = 4
# Strong contrasts are cut at black and white: an image that comes this near, as a share of what is wanted, has met it.
NEAR = 0.1
# Where limits on the luminance stand among the others.
LUMINANCE = 30


class LuminanceOptions(Section):
    """How light an image is, and its contrast.

    Attributes:
        mean_luminance: relative luminance (linear light), between 0 and 1.
        rms_contrast: standard deviation over mean of the luminance (linear light).
    """

    mean_luminance: float | None = Field(default=None, gt=0, lt=1)
    rms_contrast: float | None = Field(default=None, ge=0, le=1000)

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


@dataclass(frozen=True, kw_only=True)
class Luminance:
    """Mean relative luminance, RMS contrast (standard deviation over mean), or both, of linear light.

    Attributes:
        mean: relative luminance, between 0 and 1; None leaves it.
        rms_contrast: None leaves it.
        colours: what becomes of colours beyond the range of a display: ``cut`` at the range, channel by channel, or
            ``fade``, which takes their saturation until they are inside and leaves their luminance: so images of strong
            colours come to the limit too.

    Example:
        >>> from synthstim.modalities.image import luminance
        >>> images = Luminance(mean=0.2, rms_contrast=0.3).project(torch.rand(1, 3, 32, 32))
        >>> round(luminance(images).mean().item(), 2)
        0.2
    """

    mean: float | None = None
    rms_contrast: float | None = None
    colours: str = "cut"
    modality: ClassVar[str] = "image"

    @property
    def settles(self) -> bool:
        """Whether all stimuli of a set are to stand on it: images that fade can."""
        return self.colours == "fade"

    def check(self, shape: tuple[int, ...]) -> None:
        """Bounded values in [0, 1] with mean m have a contrast of at most sqrt((1 - m) / m)."""
        if self.colours not in ("cut", "fade"):
            raise InputError(f"colours {self.colours!r} is unknown", "choose cut or fade", code="unknown")
        if self.mean is not None and not 0 < self.mean < 1:
            raise InputError(
                f"mean luminance {self.mean:g} cannot be reached; expected between 0 and 1, relative to white",
                code="unattainable",
            )
        if self.rms_contrast is not None and self.rms_contrast < 0:
            raise InputError(f"RMS contrast {self.rms_contrast:g} is negative")
        if self.mean is not None and self.rms_contrast is not None:
            most = ((1 - self.mean) / self.mean) ** 0.5
            if self.rms_contrast >= most:
                raise InputError(
                    f"RMS contrast {self.rms_contrast:g} cannot be reached at mean luminance {self.mean:g}: "
                    f"a black and white image has {most:.3g}, ask for less",
                    code="unattainable",
                )

    def require_met(self, images: Tensor) -> None:
        """Raise InputError unless projected images have the contrast: what is cut at black and white may take it away."""
        if not self.rms_contrast:
            return
        seen = linear_luminance(linear_light(images)).flatten(1)
        reached = float((seen.std(1, unbiased=False) / seen.mean(1).clamp_min(1e-6)).min())
        if reached < (1 - NEAR) * self.rms_contrast:
            raise InputError(
                f"RMS contrast {self.rms_contrast:g} cannot be met: noise cut at black and white comes to {reached:.2g}, "
                "ask for less or for a lower mean luminance",
                code="unattainable",
            )

    def project(self, images: Tensor) -> Tensor:
        """Shift and scale linear light about its mean; what leaves the range is cut and the rest shifted again."""
        linear = linear_light(images)
        for _ in range(ROUNDS):
            seen = linear_luminance(linear)
            mean = seen.mean((1, 2)).view(-1, 1, 1, 1)
            wanted = mean if self.mean is None else torch.full_like(mean, self.mean)
            gain = torch.ones_like(mean)
            if self.rms_contrast is not None:
                # The square root of 0 has no slope: a uniform image would give NaN.
                spread = seen.flatten(1).var(1, unbiased=False).clamp_min(1e-12).sqrt().view(-1, 1, 1, 1)
                gain = self.rms_contrast * wanted / spread
            elif self.mean is not None:
                # Scaling keeps the contrast and never cuts blacks.
                gain = wanted / mean.clamp_min(1e-6)
            linear = (linear - mean) * gain + wanted
            linear = linear.clamp(0, 1) if self.colours == "cut" else _faded(linear)
        return display_values(linear)


def _faded(linear: Tensor) -> Tensor:
    """Linear light within [0, 1]: each pixel keeps its luminance and loses as much of its colour as is beyond the range."""
    grey = linear_luminance(linear).clamp(0, 1)[:, None]
    colour = linear - grey
    room = torch.where(colour > 0, 1 - grey, grey) / colour.abs().clamp_min(1e-9)
    return (grey + colour * room.amin(1, keepdim=True).clamp_max(1)).clamp(0, 1)


def _make(asked: LuminanceOptions, input: object, recipe: object) -> Luminance:
    return Luminance(mean=asked.mean_luminance, rms_contrast=asked.rms_contrast)


CONSTRAINT = Limit(LuminanceOptions, _make, "image", order=LUMINANCE)
