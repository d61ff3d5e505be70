"""Frames: where a cochleagram samples envelopes, and the Kaiser-windowed sinc that keeps aliases out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthstim.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Frames:
    """How envelopes are resampled: ``rate`` frames a second, each a weighted mean of ``taps`` samples around it.

    The weights are a sinc with its cutoff at half the frame rate, under a Kaiser window (``beta``). ``padding`` is how
    many samples of silence precede and follow the envelope; without any, only frames that lie wholly within the sound
    are kept. ``shift`` moves the sinc, in samples, under a window that stays.
    """

    rate: float = 200.0
    taps: int = 1001
    beta: float = 5.0
    padding: tuple[int, int] = (0, 0)
    shift: float = 0.0

    def __post_init__(self) -> None:
        if self.taps < 3 or self.taps % 2 == 0:
            raise InputError(f"the resampling filter has {self.taps} taps; give an odd number of 3 or more")
        if not self.rate > 0 or self.beta < 0 or min(self.padding) < 0:
            raise InputError(
                f"frames come at {self.rate:g} Hz with beta {self.beta:g} and padding {self.padding}; "
                "give a rate above 0, and a beta and padding of 0 or more"
            )

    def centres(self, samples: int, rate: float) -> Array:
        """Where frames lie in a sound of ``samples`` samples at ``rate`` Hz, in samples: (frame,).

        Raises InputError for a frame rate above the sound's, and for a sound without a single frame.
        """
        if self.rate > rate:
            raise InputError(f"frames at {self.rate:g} Hz were asked of a sound at {rate:g} Hz; lower the frame rate")
        room = samples + sum(self.padding) - self.taps
        if room < 0:
            needed = self.taps - sum(self.padding)
            raise InputError(
                f"the sound has {samples} samples ({1e3 * samples / rate:.3g} ms at {rate:g} Hz) and a frame takes "
                f"{needed}; give at least {1e3 * needed / rate:.3g} ms of sound",
                code="too-few",
            )
        # The slack keeps a last frame that rounding would lose.
        count = int(room * self.rate / rate + 1e-9) + 1
        return np.arange(count, dtype=np.float64) * (rate / self.rate) + self.taps // 2 - self.padding[0]

    def weights(self, offsets: Array, rate: float) -> Array:
        """The filter at times relative to a frame's centre, in samples at ``rate`` Hz; they need not be whole."""
        factor, half = rate / self.rate, self.taps // 2
        inside = np.abs(offsets) <= half * (1 + 1e-12)
        window = np.i0(self.beta * np.sqrt(np.clip(1 - (offsets / half) ** 2, 0, 1))) / np.i0(self.beta)
        return np.where(inside, window * np.sinc((offsets - self.shift) / factor) / factor, 0.0)
