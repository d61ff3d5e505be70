"""A region of images that stays as it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from synthstim.constraints.base import Limit
from synthstim.errors import InputError
from synthstim.modalities.image import fit_image, read_image
from synthstim.models import ImageInput
from synthstim.recipe.fields import FilePath, Section


class Pinned(Section):
    """Pixels that stay as an image has them.

    Attributes:
        image: the image that the pixels come from.
        mask: an image that is white where pixels are fixed, black where they are free.
    """

    image: FilePath
    mask: FilePath


class FixedOptions(Section):
    """What of an image is given.

    Attributes:
        fixed: pixels that stay as they are.
    """

    fixed: Pinned | None = None


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A region that keeps given display values.

    Attributes:
        image: (channel, y, x) display values.
        mask: (y, x), 1 where the image is held, 0 where synthesis is free.
    """

    image: Tensor
    mask: Tensor
    modality: ClassVar[str] = "image"

    def check(self, shape: tuple[int, ...]) -> None:
        """Image and mask must have the stimulus's size, and leave something free."""
        if tuple(self.image.shape) != tuple(shape) or tuple(self.mask.shape) != tuple(shape[1:]):
            raise InputError(
                f"the fixed region's image is {tuple(self.image.shape)} and its mask {tuple(self.mask.shape)}, "
                f"the stimulus is {tuple(shape)}",
                "give them the stimulus's size",
            )
        if bool((self.mask >= 1).all()):
            raise InputError("the fixed region covers the whole image", "leave something free")

    def project(self, images: Tensor) -> Tensor:
        """Put the held values in place."""
        return torch.lerp(images, self.image.to(images), self.mask.to(images))


def _make(asked: FixedOptions, input: ImageInput, recipe: Any) -> Fixed | None:
    if (held := asked.fixed) is None:
        return None
    channels, *size = input.shape
    image, mask = (read_image(recipe.resolve(path)) for path in (held.image, held.mask))
    if image.shape[1:] != mask.shape[1:]:
        sides = [" x ".join(map(str, part.shape[1:])) for part in (mask, image)]
        raise InputError(f"fixed: the mask has {sides[0]} pixels, its image {sides[1]}", "give both at one size")
    image, mask = (
        fit_image(part, number, (size[0], size[1]), recipe.fit) for part, number in ((image, channels), (mask, 1))
    )
    return Fixed(image=torch.from_numpy(image), mask=torch.from_numpy(mask[0]))


CONSTRAINT = Limit(FixedOptions, _make, "image", order=40)
