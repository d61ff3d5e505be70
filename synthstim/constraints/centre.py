"""A round centre of images that stays as it is given, so that what is around it is found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from synthstim.constraints.aperture import Aperture
from synthstim.constraints.base import Limit
from synthstim.constraints.place import Round
from synthstim.errors import InputError
from synthstim.modalities.image import fit_image, read_image
from synthstim.models import ImageInput
from synthstim.recipe.fields import FilePath, Section
from synthstim.recipe.yaml_source import Location


class Kept(Round):
    """What stays in the centre; the surround is free.

    Attributes:
        image: the image that the centre comes from, such as the one that drives the site best.
    """

    image: FilePath

    def problems(self) -> Iterator[tuple[Location, str]]:
        """What of its keys does not go together."""
        yield from super().problems()
        if self.of is None and self.diameter is None:
            yield (), "lacks the size of the centre: give of: site, or diameter"


class CentreOptions(Section):
    """What of an image stands in the centre.

    Attributes:
        centre: a round part that stays as an image has it; drive or suppress then finds the surround.
    """

    centre: Kept | None = None


@dataclass(frozen=True, kw_only=True)
class Centre:
    """A round part of the image that keeps given display values.

    Attributes:
        image: (channel, y, x) display values.
        size: diameter, as a fraction of the smaller side.
        centre: right of and above the image's centre, likewise.
    """

    image: Tensor
    size: float
    centre: tuple[float, float] = (0.0, 0.0)
    modality: ClassVar[str] = "image"

    def __repr__(self) -> str:
        return f"Centre(size={self.size:g}, centre={self.centre})"

    @property
    def _window(self) -> Aperture:
        return Aperture(size=self.size, centre=self.centre)

    @property
    def inside(self) -> Tensor:
        """(y, x) whether a pixel stays: a soft edge would move whenever it is met again."""
        return self._window.window(self.image) >= 0.5

    def check(self, shape: tuple[int, ...]) -> None:
        """The image must have the stimulus's size, and the centre must leave something free."""
        if tuple(self.image.shape) != tuple(shape):
            raise InputError(
                f"the centre's image is {tuple(self.image.shape)}, the stimulus is {tuple(shape)}",
                "give it the stimulus's size",
            )
        self._window.check(shape)
        if bool(self.inside.all()):
            raise InputError("the centre covers the whole image", "leave something free")

    def project(self, images: Tensor) -> Tensor:
        """Put the centre in place."""
        return torch.where(self.inside.to(images.device), self.image.to(images), images)


def _make(asked: CentreOptions, input: ImageInput, recipe: Any) -> Centre | None:
    if (kept := asked.centre) is None:
        return None
    kept.require_placed()
    channels, *size = input.shape
    image = fit_image(read_image(recipe.resolve(kept.image)), channels, (size[0], size[1]), recipe.fit)
    return Centre(image=torch.from_numpy(image), size=kept.diameter or 1.0, centre=kept.centre)


CONSTRAINT = Limit(CentreOptions, _make, "image", order=40)
