"""What an observer of images is shown, and how it preprocesses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.modalities.image.displayed import DisplayedInput
from synthstim.modalities.inputs import Preparation


@dataclass(frozen=True, kw_only=True)
class ImageInput(DisplayedInput):
    """What a visual observer is shown, and how it turns display values into its network's input.

    Attributes:
        size: (height, width) of the stimuli, in pixels.
        channels: of the stimuli; 1 for grey, 3 for RGB, any number through the Python API.
        mean, std: per channel, in display units: the network sees (stimulus - mean) / std.
        resize: (height, width) the network sees, if not ``size``: differentiable, bicubic, antialiased.
        order: RGB, or BGR for networks trained on channels in reverse.

    Example:
        >>> ImageInput(size=(224, 224), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)).channels
        3
    """

    resize: tuple[int, int] | None = None
    order: str = "RGB"
    kind: ClassVar[str] = "image"
    axes: ClassVar[str] = "channel, y, x"
    remedy: ClassVar[str] = "resize or crop it"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.order not in ("RGB", "BGR"):
            raise InputError(f"channel order {self.order!r} is unknown", "choose RGB or BGR", code="unknown")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channel, y, x) of one stimulus."""
        return (self.channels, *self.size)

    @property
    def words(self) -> str:
        """The shape in words."""
        return f"{self.channels} x {self.size[0]} x {self.size[1]}"

    @property
    def unprocessed(self) -> ImageInput:
        """Images of the same size, shown to a network as they are."""
        return ImageInput(size=self.size, channels=self.channels)

    def given(self, shape: tuple[int, ...]) -> ImageInput:
        """Images (channel, y, x) of another size, resized to what the network takes."""
        size = (shape[1], shape[2])
        return self if size == self.size else replace(self, size=size, resize=self.resize or self.size)

    def halves(self) -> Tensor:
        """(5, channel, y, x): an image of noise; with its upper, its lower, its left, its right half replaced by another's."""
        generator = torch.Generator().manual_seed(0)
        one, other = (_patches(self.shape, generator) for _ in range(2))
        y, x = (torch.linspace(-1, 1, side) if side > 1 else torch.zeros(1) for side in self.size)
        halves = [(y < 0)[:, None], (y > 0)[:, None], x < 0, x > 0]
        return torch.stack([one, *(torch.where(half, other, one) for half in halves)])

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from display values to what the network takes, a tensor of its own."""
        scale, shift = self.scale_and_shift(device, dtype)

        def prepare(stimuli: Tensor) -> Tensor:
            if self.resize is not None:
                stimuli = nn.functional.interpolate(
                    stimuli, self.resize, mode="bicubic", antialias=True, align_corners=False
                )
            stimuli = torch.addcmul(shift, stimuli, scale)
            return stimuli.flip(1) if self.order == "BGR" else stimuli

        return prepare


def _patches(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Patches of one colour, with noise on them: (channel, y, x) in [0, 1]."""
    side = max(1, min(shape[1:]) // 16)
    coarse = torch.rand(shape[0], -(-shape[1] // side), -(-shape[2] // side), generator=generator)
    patches = coarse.repeat_interleave(side, 1).repeat_interleave(side, 2)[:, : shape[1], : shape[2]]
    return 0.75 * patches + 0.25 * torch.rand(shape, generator=generator)
