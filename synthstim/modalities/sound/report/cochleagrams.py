"""Cochleagrams for looking at: the same settings for every sound, whatever observer a set was made on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from synthstim.modalities.sound import Waveform
from synthstim.modalities.sound.report.panels import Cochlear
from synthstim.models.hearing.cochleagram import RATE, Cochleagram
from synthstim.models.hearing.erb import ErbBands
from synthstim.models.hearing.frames import Frames

# Half the overlap of feather2023: an eye sees no difference, and the page is half as large.
BANDS = ErbBands(50, 50, 10_000, 2, lowpass=False, highpass=False)
FRAMES = Frames(200, padding=(500, 500))
MOST_FRAMES = 500
# Sounds of any length are heard in blocks of one, in samples at RATE: each with what surrounds it, silence at the ends.
_BLOCK, _AROUND = 40_000, 2_000
_STEP = int(RATE / FRAMES.rate)


def hear(waveform: Waveform, rate: int) -> Cochlear:
    """The cochleagram of a sound (time,) at ``rate`` Hz, of at most ``MOST_FRAMES`` frames: those of a long sound are means."""
    heard = soxr.resample(waveform, rate, RATE) if rate != RATE else waveform
    frames = max(1, len(heard) // _STEP)
    blocks = -(-len(heard) // _BLOCK)
    padded = np.pad(heard, (_AROUND, blocks * _BLOCK - len(heard) + _AROUND))
    network, kept = _cochleagram(), slice(_AROUND // _STEP, (_AROUND + _BLOCK) // _STEP)
    parts = []
    with torch.no_grad():
        for start in range(0, blocks * _BLOCK, _BLOCK):
            block = torch.from_numpy(padded[start : start + _BLOCK + 2 * _AROUND])
            parts.append(network(block[None])[0, :, kept].numpy())
    values = np.concatenate(parts, axis=1)[:, :frames]
    return few_frames(values, BANDS.centre_frequencies, FRAMES.rate)


def few_frames(values: NDArray[np.floating], frequencies: NDArray[np.float64], rate: float) -> Cochlear:
    """A picture (channel, frame) of at most ``MOST_FRAMES`` frames, means of those that come ``rate`` times a second from 0 s."""
    frames = values.shape[1]
    edges = np.arange(0, frames, -(-frames // MOST_FRAMES))
    means = np.add.reduceat(values, edges, axis=1) / np.diff([*edges, frames])
    # A frame stands for the time around its centre.
    return Cochlear(means.astype(np.float32), frequencies, -0.5 / rate, (frames - 0.5) / rate)


@lru_cache(maxsize=1)
def _cochleagram() -> Cochleagram:
    return Cochleagram(_BLOCK + 2 * _AROUND, rate=RATE, bands=BANDS, frames=FRAMES)
