"""What an observer of movies is shown, and how it preprocesses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.image.displayed import DisplayedInput
from synthstim.modalities.inputs import Preparation
from synthstim.modalities.movie.chunks import delay_of
from synthstim.modalities.movie.levels import require_room


@dataclass(frozen=True, kw_only=True)
class MovieInput(DisplayedInput):
    """What an observer of movies is shown, and how it turns display values into its network's input.

    Attributes:
        size: (height, width) of the frames, in pixels.
        frames: of a movie, two or more.
        frame_rate_hz: frames a second.
        channels: of a frame; 1 for grey, 3 for RGB.
        mean, std: per channel, in display units: the network sees (stimulus - mean) / std.
        time_first: whether the network takes (batch, time, channel, y, x) instead of (batch, channel, time, y, x), as
            three-dimensional convolutions do.

    Raises:
        InputError: there is one frame, no file holds the frame rate, or the movie is longer than memory.

    Example:
        >>> MovieInput(size=(64, 64), frames=16, frame_rate_hz=30, channels=1).shape
        (16, 1, 64, 64)
    """

    frames: int
    frame_rate_hz: float
    time_first: bool = False
    kind: ClassVar[str] = "movie"
    axes: ClassVar[str] = "time, channel, y, x"
    remedy: ClassVar[str] = "cut it to as many frames, and resize or crop it"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.frames < 2:
            raise InputError(
                f"a movie of {self.frames} frame given; expected 2 or more", "take an observer of images for one frame"
            )
        if delay_of(self.frame_rate_hz) is None:
            raise InputError(
                f"{self.frame_rate_hz:g} frames a second given; no file holds that", "give such as 30 or 59.94"
            )
        require_room("the movie", *self.shape)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(time, channel, y, x) of one movie."""
        return (self.frames, self.channels, *self.size)

    @property
    def words(self) -> str:
        """The shape in words."""
        size = f"{self.channels} x {self.size[0]} x {self.size[1]}"
        return f"{self.frames} frames of {size} at {self.frame_rate_hz:g} Hz"

    @property
    def unprocessed(self) -> MovieInput:
        """Movies of the same shape, shown to a network as they are."""
        return MovieInput(
            size=self.size,
            frames=self.frames,
            frame_rate_hz=self.frame_rate_hz,
            channels=self.channels,
            time_first=self.time_first,
        )

    def halves(self) -> Tensor:
        """(5, time, channel, y, x): noise; with its upper, its lower, its left, its right half replaced by another's."""
        one, other = torch.rand((2, *self.shape), generator=torch.Generator().manual_seed(0))
        y, x = (torch.arange(side) < side / 2 for side in self.size)
        halves = [y[:, None], ~y[:, None], x, ~x]
        return torch.stack([one, *(torch.where(half, other, one) for half in halves)])

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from display values to what the network takes, a tensor of its own."""
        scale, shift = self.scale_and_shift(device, dtype)

        def prepare(stimuli: Tensor) -> Tensor:
            seen = torch.addcmul(shift, stimuli, scale)
            return seen if self.time_first else seen.transpose(1, 2).contiguous()

        return prepare
