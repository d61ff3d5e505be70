"""Where in an image a site sees."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReceptiveField:
    """A round receptive field, in fractions of the image's smaller side.

    Attributes:
        right, up: of its centre, from the image's centre.
        diameter: four standard deviations of a Gaussian, and 1 at most.
    """

    right: float
    up: float
    diameter: float
