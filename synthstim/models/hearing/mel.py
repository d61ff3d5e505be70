"""Mel spectrograms: power in overlapping triangular bands, evenly spaced on a scale of pitch, as networks of speech hear.

Two scales: ``slaney`` (Slaney 1998, Auditory Toolbox: linear to 1 kHz, bands of equal area), which librosa and Whisper
use, and ``htk`` (O'Shaughnessy 1987 as in HTK: bands of equal height), which Kaldi and most networks of music use.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from synthstim.errors import InputError, nearest

RATE = 16_000
STAGES = ("mel",)
# Windows of 25 ms every 10 ms, as is usual for speech.
WINDOW, HOP = 400, 160
# Of the power of full scale, added to every band: about the noise of 16 bits.
FLOOR = 1e-10
BANDS = 64
SCALES: dict[str, dict[str, Any]] = {"slaney": {"htk": False, "norm": "slaney"}, "htk": {"htk": True, "norm": None}}


def mel_filters(bands: int, *, scale: str = "slaney", rate: int = RATE, window: int = WINDOW) -> Tensor:
    """The weights (band, bin) of mel bands, from 0 Hz to half the rate, over the bins of a Fourier transform.

    Args:
        scale: ``slaney`` or ``htk``.
        rate: of the sound, in Hz.

    Raises:
        InputError: the scale is unknown, or bands are so narrow that some hold no bin.

    Example:
        >>> mel_filters(80).shape
        torch.Size([80, 201])
    """
    import librosa  # Takes a second, and images never need it.

    if scale not in SCALES:
        raise InputError(f"no mel scale is called {scale!r}: {nearest(scale, SCALES)}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What it has to say of empty bands is said below.
        filters = librosa.filters.mel(sr=rate, n_fft=window, n_mels=bands, dtype=np.float64, **SCALES[scale])
    if empty := int((filters.sum(1) == 0).sum()):
        raise InputError(
            f"{empty} of {bands} mel bands hold no bin of a window of {window} samples at {rate} Hz",
            "ask for fewer bands",
        )
    return torch.from_numpy(filters).float()


class MelSpectrogram(nn.Module):
    """A sound (batch, time), full scale -> decades of power in mel bands (batch, band, frame), low to high, smooth everywhere.

    Example:
        >>> MelSpectrogram()(torch.zeros(1, 16_000)).shape
        torch.Size([1, 64, 101])
    """

    filters: Tensor
    window: Tensor

    def __init__(self, scale: str = "slaney") -> None:
        super().__init__()
        self.register_buffer("filters", mel_filters(BANDS, scale=scale), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the spectrograms."""
        heard = nn.functional.pad(waveforms, (WINDOW // 2, WINDOW // 2))
        spectra = torch.stft(heard, WINDOW, HOP, window=self.window, center=False, return_complex=True)
        return (self.filters @ (spectra.real.square() + spectra.imag.square()) + FLOOR).log10()


def network(samples: int, *, trained: bool = True, scale: str = "slaney") -> nn.Sequential:
    """A mel spectrogram as an observer's network: one stage, ``mel``. It has no weights; ``trained`` is ignored."""
    if samples < WINDOW:
        raise InputError(
            f"the sound has {samples} samples at {RATE} Hz", f"give at least {WINDOW}, a window's", code="too-few"
        )
    return nn.Sequential(OrderedDict(mel=MelSpectrogram(scale=scale)))
