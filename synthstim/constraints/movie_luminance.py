"""How light movies are, and their contrast, of linear light over all frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from synthstim.constraints.base import Limit
from synthstim.constraints.luminance import LUMINANCE, Luminance, LuminanceOptions


@dataclass(frozen=True, kw_only=True)
class MovieLuminance(Luminance):
    """Mean relative luminance, RMS contrast, or both, of linear light, over all frames of a movie (time, channel, y, x).

    Example:
        >>> from synthstim.modalities.image import luminance
        >>> movies = MovieLuminance(mean=0.2).project(torch.rand(1, 4, 1, 16, 16))
        >>> round(luminance(movies[0]).mean().item(), 2)
        0.2
    """

    modality: ClassVar[str] = "movie"

    def require_met(self, movies: Tensor) -> None:
        """Raise InputError unless projected movies have the contrast."""
        super().require_met(_tall(movies))

    def project(self, movies: Tensor) -> Tensor:
        """Shift and scale linear light about the mean of all frames."""
        projected = super().project(_tall(movies))
        return projected.unflatten(2, (movies.shape[1], movies.shape[3])).transpose(1, 2)


def _tall(movies: Tensor) -> Tensor:
    """The frames of each movie below one another, as an image (batch, channel, time y, x)."""
    return movies.transpose(1, 2).flatten(2, 3)


def _make(asked: LuminanceOptions, input: object, recipe: object) -> MovieLuminance:
    return MovieLuminance(mean=asked.mean_luminance, rms_contrast=asked.rms_contrast)


CONSTRAINT = Limit(LuminanceOptions, _make, "movie", order=LUMINANCE)
