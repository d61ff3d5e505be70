"""What observers are given: images as they are shown, sounds as they are played."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.sounds import MAX_RATE, MIN_RATE, resample

Preparation = Callable[[Tensor], Tensor]
PLAYED_RATE = 48_000


@dataclass(frozen=True, kw_only=True)
class ImageInput:
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

    size: tuple[int, int]
    channels: int = 3
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resize: tuple[int, int] | None = None
    order: str = "RGB"
    modality: ClassVar[str] = "image"
    verb: ClassVar[str] = "shown"
    axes: ClassVar[str] = "channel, y, x"
    remedy: ClassVar[str] = "resize or crop it"
    rest: ClassVar[float] = 0.5
    # Layers with two axes: tokens of a transformer hold their channels last, frames of a sound come after them.
    channel_axis: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if min(self.size) < 1 or self.channels < 1:
            raise InputError(f"an input of {self.channels} channels and size {self.size} is empty")
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.channels):
                raise InputError(
                    f"{name} has {len(getattr(self, name))} values for {self.channels} channels: give 1 or {self.channels}"
                )
        if min(self.std) <= 0:
            raise InputError(f"std {self.std} holds a value that is not positive")
        if self.order not in ("RGB", "BGR"):
            raise InputError(f"channel order {self.order!r} is unknown: choose RGB or BGR")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(channel, y, x) of one stimulus."""
        return (self.channels, *self.size)

    @property
    def words(self) -> str:
        """The shape in words."""
        return f"{self.channels} x {self.size[0]} x {self.size[1]}"

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from display values to what the network takes."""
        std = torch.tensor(self.std, device=device, dtype=dtype).view(1, -1, 1, 1)
        scale, shift = 1 / std, -torch.tensor(self.mean, device=device, dtype=dtype).view(1, -1, 1, 1) / std

        def prepare(stimuli: Tensor) -> Tensor:
            if self.resize is not None:
                stimuli = nn.functional.interpolate(
                    stimuli, self.resize, mode="bicubic", antialias=True, align_corners=False
                )
            stimuli = torch.addcmul(shift, stimuli, scale)
            return stimuli.flip(1) if self.order == "BGR" else stimuli

        return prepare


@dataclass(frozen=True, kw_only=True)
class SoundInput:
    """What an observer of sounds is played, and the rate at which its network hears it.

    Attributes:
        rate: of the stimuli, in Hz, as they are saved and played.
        samples: of one stimulus, at ``rate``.
        network_rate: in Hz; stimuli are resampled to it, exactly for what both rates can hold.

    Example:
        >>> SoundInput.lasting(1.0, network_rate=20_000).samples
        48000
    """

    rate: int
    samples: int
    network_rate: int
    modality: ClassVar[str] = "sound"
    verb: ClassVar[str] = "played"
    axes: ClassVar[str] = "time"
    remedy: ClassVar[str] = "resample it or cut it"
    rest: ClassVar[float] = 0.0
    channel_axis: ClassVar[int] = 0

    def __post_init__(self) -> None:
        for rate in (self.rate, self.network_rate):
            if not MIN_RATE <= rate <= MAX_RATE:
                raise InputError(f"a rate of {rate} Hz came: wanted {MIN_RATE} to {MAX_RATE} Hz")
        if self.rate < self.network_rate:
            raise InputError(
                f"sounds played at {self.rate} Hz cannot hold what a network at {self.network_rate} Hz hears: play at 44100 or 48000 Hz"
            )
        if self.samples < 1 or self.samples * self.network_rate % self.rate:
            raise InputError(
                f"{self.samples} samples at {self.rate} Hz are no whole number at {self.network_rate} Hz: use SoundInput.lasting"
            )

    @classmethod
    def lasting(cls, seconds: float, *, network_rate: int, rate: int = PLAYED_RATE) -> SoundInput:
        """The input of the duration nearest to ``seconds`` that is a whole number of samples at both rates."""
        if not (math.isfinite(seconds) and seconds > 0):
            raise InputError(f"a duration of {seconds} s came: wanted a positive number of seconds")
        steps = math.gcd(rate, network_rate)
        return cls(rate=rate, samples=max(1, round(seconds * steps)) * (rate // steps), network_rate=network_rate)

    @property
    def shape(self) -> tuple[int, ...]:
        """(time,) of one stimulus, at the rate played."""
        return (self.samples,)

    @property
    def seconds(self) -> float:
        """Duration of one stimulus."""
        return self.samples / self.rate

    @property
    def network_samples(self) -> int:
        """Samples at the rate that the network hears."""
        return self.samples * self.network_rate // self.rate

    @property
    def words(self) -> str:
        """The shape in words."""
        return f"{self.seconds:g} s at {self.rate} Hz"

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from waveforms as played to waveforms as the network hears them."""
        return lambda stimuli: resample(stimuli, self.rate, self.network_rate)


StimulusInput = ImageInput | SoundInput
