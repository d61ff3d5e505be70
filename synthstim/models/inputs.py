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
    places: ClassVar[tuple[str, str]] = ("y", "x")

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

    @property
    def aspect(self) -> float:
        """Height over width."""
        return self.size[0] / self.size[1]

    def halves(self) -> Tensor:
        """(5, channel, y, x): an image of noise; with its upper, its lower, its left, its right half replaced by another's."""
        generator = torch.Generator().manual_seed(0)
        one, other = (_patches(self.shape, generator) for _ in range(2))
        y, x = (torch.linspace(-1, 1, side) if side > 1 else torch.zeros(1) for side in self.size)
        halves = [(y < 0)[:, None], (y > 0)[:, None], x < 0, x > 0]
        return torch.stack([one, *(torch.where(half, other, one) for half in halves)])

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from display values to what the network takes, a tensor of its own."""
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
    places: ClassVar[tuple[str, str]] = ("frequency", "frame")

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

    aspect: ClassVar[float] = 1.0

    def halves(self) -> Tensor:
        """(5, time): noise; with its lower, its upper frequencies, its first, its second half replaced by another's."""
        generator = torch.Generator().manual_seed(0)
        one, other = (_pink(self.samples, self.rate, generator) for _ in range(2))
        frequencies, time = torch.fft.rfftfreq(self.samples, 1 / self.rate), torch.linspace(-1, 1, self.samples)
        # What is heard lies from 50 Hz to half the network's rate; the middle is of its octaves.
        low = frequencies < (50 * self.network_rate / 2) ** 0.5
        bands = [
            torch.fft.irfft(torch.where(half, torch.fft.rfft(other), torch.fft.rfft(one)), self.samples)
            for half in (low, ~low)
        ]
        return torch.stack([one, *bands, *(torch.where(half, other, one) for half in (time < 0, time >= 0))])

    def preparation(self, device: torch.device, dtype: torch.dtype) -> Preparation:
        """The function from waveforms as played to waveforms as the network hears them, a tensor of its own."""
        if self.rate == self.network_rate:
            return lambda stimuli: stimuli.clone()
        return lambda stimuli: resample(stimuli, self.rate, self.network_rate)


StimulusInput = ImageInput | SoundInput


def _patches(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Patches of one colour, with noise on them: (channel, y, x) in [0, 1]."""
    side = max(1, min(shape[1:]) // 16)
    coarse = torch.rand(shape[0], -(-shape[1] // side), -(-shape[2] // side), generator=generator)
    patches = coarse.repeat_interleave(side, 1).repeat_interleave(side, 2)[:, : shape[1], : shape[2]]
    return 0.75 * patches + 0.25 * torch.rand(shape, generator=generator)


def _pink(samples: int, rate: int, generator: torch.Generator) -> Tensor:
    """Noise with as much power in each octave, (time,) of RMS 0.1."""
    spectrum = torch.fft.rfft(torch.randn(samples, generator=generator))
    noise = torch.fft.irfft(spectrum / torch.fft.rfftfreq(samples, 1 / rate).clamp_min(20).sqrt(), samples)
    return 0.1 * noise / noise.square().mean().sqrt()
