"""Random jitter, scale, rotation and blur, so that a controller's effect does not hang on a pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synthstim.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Robustness:
    """How far an image is moved before each evaluation; each item draws from its own generator.

    Attributes:
        jitter: largest shift along each axis, in pixels (Bashivan et al. 2019 used 19 of 299).
        scale: largest relative change of size, 0.1 for 0.9 to 1.1.
        rotation: largest rotation, in degrees.
        blur: largest standard deviation of a Gaussian blur, in pixels, as eyes differ in focus.
        settled: share of the budget at the end that is run without moving; the amounts fall towards it.
    """

    jitter: int = 0
    scale: float = 0.0
    rotation: float = 0.0
    blur: float = 0.0
    settled: float = 0.1

    def __post_init__(self) -> None:
        scaled = 0 <= self.scale < 1 and 0 <= self.rotation <= 180
        if min(self.jitter, self.blur) < 0 or not scaled or not 0 < self.settled <= 1:
            raise InputError(
                f"{self} is out of range: jitter from 0, blur from 0, scale 0 to 1, rotation 0 to 180 degrees, settled 0 to 1"
            )

    def check(self, size: tuple[int, ...]) -> None:
        """Raise InputError if images of this size would leave their own frame."""
        most = min(size) // 2
        if self.jitter > most:
            raise InputError(
                f"a jitter of {self.jitter} pixels given for images of {size[0]} x {size[1]}; expected at most {most}, half the "
                "smaller side"
            )
        if (widest := math.ceil(3 * self.blur)) >= min(size):
            raise InputError(
                f"a blur of {self.blur:g} pixels reaches {widest} pixels, as far as images of {size[0]} x {size[1]} go",
                "give less",
            )

    def moving(self, fraction: float) -> bool:
        """Whether images still move when this fraction of the budget is spent."""
        return fraction < 1 - self.settled and bool(self.jitter or self.scale or self.rotation or self.blur)

    def move(self, images: Tensor, generators: Sequence[torch.Generator], fraction: float) -> Tensor:
        """Move each image (batch, channel, y, x) at random; the border is reflected."""
        import kornia.geometry.transform as geometry  # Takes a second to import, and few images are moved.

        draws = torch.stack([torch.rand(4, generator=generator) for generator in generators]) * 2 - 1
        draws = (draws * (1 - fraction / (1 - self.settled))).to(images)
        height, width = images.shape[-2:]
        centre = images.new_tensor([(width - 1) / 2, (height - 1) / 2]).expand(len(images), 2)
        size = (1 + self.scale * draws[:, 2:3]).expand(-1, 2)
        matrix = geometry.get_rotation_matrix2d(centre, self.rotation * draws[:, 3], size)
        # Whole pixels while only jittering, so that no interpolation blurs the image.
        shift = self.jitter * draws[:, :2]
        matrix = matrix + torch.nn.functional.pad(
            (shift if self.scale or self.rotation else shift.round())[..., None], (2, 0)
        )
        moved = geometry.warp_affine(images, matrix, (height, width), padding_mode="reflection", align_corners=True)
        return self._blurred(moved, generators, fraction) if self.blur else moved

    def _blurred(self, images: Tensor, generators: Sequence[torch.Generator], fraction: float) -> Tensor:
        from kornia.filters import gaussian_blur2d

        draws = torch.cat([torch.rand(1, generator=generator) for generator in generators]).to(images)
        # A blur of a tenth of a pixel is none.
        widths = (self.blur * draws * (1 - fraction / (1 - self.settled))).clamp_min(0.1)
        return gaussian_blur2d(images, 2 * math.ceil(3 * self.blur) + 1, widths[:, None].expand(-1, 2))
