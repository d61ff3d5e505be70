"""What images and movies share: display values in [0, 1] of pixels, which a screen turns into light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.base import Modality, Stimulus, StimulusInput
from synthstim.modalities.image.arrays import FITS
from synthstim.modalities.image.light import display_values, linear_light


@dataclass(frozen=True, kw_only=True)
class DisplayedInput(StimulusInput):
    """What is shown on a screen, and how its channels are brought to a network's scale.

    Attributes:
        size: (height, width) in pixels.
        channels: 1 for grey, 3 for RGB.
        mean, std: per channel, in display units: the network sees (stimulus - mean) / std.
    """

    size: tuple[int, int]
    channels: int = 3
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    rest: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        require_size(self.size)
        if min(self.size) < 1 or self.channels < 1:
            raise InputError(f"an input of {self.channels} channels and size {self.size} is empty")
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                raise InputError(
                    f"{name} has {len(getattr(self, name))} values for {self.channels} channels",
                    f"give 1 or {self.channels}",
                )
        if min(self.std) <= 0:
            raise InputError(f"std {self.std} holds a value that is not positive")

    @property
    def aspect(self) -> float:
        """Height over width."""
        return self.size[0] / self.size[1]

    @property
    def asked(self) -> dict[str, Any]:
        """The size, for ``load_model``."""
        return {"size": self.size}

    def require_filed(self, name: str) -> None:
        """Raise InputError unless a PNG can hold the channels."""
        if self.channels not in (1, 3):
            raise InputError(
                f"{name} is shown {self.channels} channels, a PNG holds 1 or 3",
                "use Synthesiser and keep the arrays",
                code="mismatch",
            )

    def scale_and_shift(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """What display values are multiplied by, and what is added then: (channel, 1, 1) each."""
        mean, std = (torch.tensor(each, device=device, dtype=dtype).view(-1, 1, 1) for each in (self.mean, self.std))
        return 1 / std, -mean / std


def require_size(size: object) -> None:
    """Raise InputError unless this is a height and a width in pixels."""
    if not (
        isinstance(size, (tuple, list)) and len(size) == 2 and all(isinstance(side, (int, np.integer)) for side in size)
    ):
        raise InputError(f"size {size!r} given; expected (height, width) in pixels, such as (224, 224)")


class Displayed(Modality):
    """Stimuli of display values, in PNG files of whole numbers."""

    verb = "shown"
    presents = "shows"
    natural = "photograph"
    naturals = "photographs"
    distance = "pixel_distance"
    distance_label = "pixel distance"
    bits: tuple[int, ...] = (8,)
    default_bits = 8
    fits = FITS
    starts: tuple[str, ...] = ("pink", "white")

    def rounded(self, values: Stimulus, bits: int | None = None) -> Stimulus:
        """Values at the nearest levels of the file."""
        top = self.levels(bits)
        return (np.rint(values.astype(np.float64) * top) / top).astype(np.float32)

    def levels(self, bits: int | None = None) -> int:
        """The highest level of the file, at which display values are 1."""
        return 2 ** (bits or self.default_bits) - 1

    def mixed(self, first: Stimulus, second: Stimulus, share: float) -> Stimulus:
        """Both superimposed, as two projectors would: linear light is mixed."""
        one, other = (linear_light(torch.from_numpy(values).double()) for values in (first, second))
        mixture: Stimulus = display_values((1 - share) * one + share * other).clamp(0, 1).float().numpy()
        return mixture
