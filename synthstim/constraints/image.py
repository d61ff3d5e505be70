"""Limits on images. Luminance and contrast are of linear light under sRGB decoding; energy is of display values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.image import display_values, linear_light, linear_luminance

ROUNDS = 4
GREY = 0.5
# Strong contrasts are cut at black and white: an image that comes this near, as a share of what is wanted, has met it.
NEAR = 0.1


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
    axes: ClassVar[int] = 3

    def check(self, shape: tuple[int, ...]) -> None:
        """Bounded values in [0, 1] with mean m have a contrast of at most sqrt((1 - m) / m)."""
        if self.colours not in ("cut", "fade"):
            raise InputError(f"colours {self.colours!r} is unknown: choose cut or fade")
        if self.mean is not None and not 0 < self.mean < 1:
            raise InputError(
                f"mean luminance {self.mean:g} cannot be reached: wanted between 0 and 1, relative to white"
            )
        if self.rms_contrast is not None and self.rms_contrast < 0:
            raise InputError(f"RMS contrast {self.rms_contrast:g} is negative")
        if self.mean is not None and self.rms_contrast is not None:
            most = ((1 - self.mean) / self.mean) ** 0.5
            if self.rms_contrast >= most:
                raise InputError(
                    f"RMS contrast {self.rms_contrast:g} cannot be reached at mean luminance {self.mean:g}: "
                    f"a black and white image has {most:.3g}, ask for less"
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
                "ask for less or for a lower mean luminance"
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


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Root-mean-square deviation from mid-grey, in display values, held at or below ``most``."""

    most: float
    axes: ClassVar[int] = 3

    def check(self, shape: tuple[int, ...]) -> None:
        """No display value is further than 0.5 from mid-grey."""
        if not 0 < self.most <= 0.5:
            raise InputError(f"energy {self.most:g} came: wanted an RMS deviation from mid-grey above 0, at most 0.5")

    def project(self, images: Tensor) -> Tensor:
        """Scale towards mid-grey where the deviation is too large."""
        deviation = images - GREY
        size = deviation.square().mean((1, 2, 3), keepdim=True).clamp_min(1e-12).sqrt()
        return GREY + deviation * (self.most / size).clamp_max(1)


@dataclass(frozen=True, kw_only=True)
class Aperture:
    """A window on a mid-grey surround: the window bounds how far from mid-grey a pixel may be.

    Windowing what is windowed already would narrow a soft window again and again, so images are cut to the bound,
    which every image multiplied by the window respects, rather than multiplied by it.

    Attributes:
        shape: ``circular`` (edge softened over one pixel) or ``gaussian``.
        size: circular, the diameter; gaussian, the standard deviation; as a fraction of the smaller side.
    """

    shape: str = "circular"
    size: float = 1.0
    axes: ClassVar[int] = 3

    def check(self, shape: tuple[int, ...]) -> None:
        """The window must show something."""
        if self.shape not in ("circular", "gaussian"):
            raise InputError(f"aperture {self.shape!r} is unknown: choose circular or gaussian")
        if not 0 < self.size <= 1 or self.size * min(shape[1:]) < 2:
            raise InputError(
                f"an aperture of {self.size:g} of {min(shape[1:])} pixels came: wanted at least 2 pixels, at most 1"
            )

    def project(self, images: Tensor) -> Tensor:
        """Cut deviations from mid-grey to the window, half the display range at its centre."""
        most = GREY * self.window(images)
        return GREY + torch.minimum(torch.maximum(images - GREY, -most), most)

    def window(self, images: Tensor) -> Tensor:
        """Weights (y, x) in [0, 1]."""
        height, width = images.shape[-2:]
        y = torch.arange(height, device=images.device, dtype=images.dtype) - (height - 1) / 2
        x = torch.arange(width, device=images.device, dtype=images.dtype) - (width - 1) / 2
        radius = (y[:, None] ** 2 + x[None] ** 2).sqrt()
        size = self.size * min(height, width)
        return (
            torch.exp(-0.5 * (radius / size) ** 2)
            if self.shape == "gaussian"
            else (size / 2 + 0.5 - radius).clamp(0, 1)
        )


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A region that keeps given display values.

    Attributes:
        image: (channel, y, x) display values.
        mask: (y, x), 1 where the image is held, 0 where synthesis is free.
    """

    image: Tensor
    mask: Tensor
    axes: ClassVar[int] = 3

    def check(self, shape: tuple[int, ...]) -> None:
        """Image and mask must have the stimulus's size, and leave something free."""
        if tuple(self.image.shape) != tuple(shape) or tuple(self.mask.shape) != tuple(shape[1:]):
            raise InputError(
                f"the fixed region's image is {tuple(self.image.shape)} and its mask {tuple(self.mask.shape)}, "
                f"the stimulus is {tuple(shape)}: give them the stimulus's size"
            )
        if bool((self.mask >= 1).all()):
            raise InputError("the fixed region covers the whole image: leave something free")

    def project(self, images: Tensor) -> Tensor:
        """Put the held values in place."""
        return torch.lerp(images, self.image.to(images), self.mask.to(images))
