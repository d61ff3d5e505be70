"""Other pictures of a sound than its cochleagram: mel bands and constant Q, in decibels above what is drawn black."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from synthstim.modalities.sound import Waveform
from synthstim.modalities.sound.report.cochleagrams import few_frames, hear
from synthstim.modalities.sound.report.panels import Cochlear

FRAMES = 200.0
HIGHEST = 10_000.0
MEL_BANDS = 96
# Between the centres of mel bands, in Hz: each holds a bin of 40 Hz, a window's.
NARROWEST = 24.0
# Twelve bins an octave from C2: the longest filter lasts a quarter of a second.
LOWEST, OCTAVE = 65.406, 12
# A sine of this amplitude, in dB full scale, and all that is weaker is black.
BLACK = -90.0


def mel(waveform: Waveform, rate: int) -> Cochlear:
    """Levels in mel bands (Slaney's scale), in windows of 25 ms."""
    import librosa  # Takes a second, and few pages want it.

    window, hop = round(0.025 * rate), round(rate / FRAMES)
    highest = min(HIGHEST, rate / 2)
    spectra = np.abs(librosa.stft(_padded(waveform, window), n_fft=window, hop_length=hop)) * 2 / (window / 2)
    count = min(MEL_BANDS, int(librosa.hz_to_mel(highest) / librosa.hz_to_mel(NARROWEST)))
    # By height, not by area: a tone has its level in the band around it, however wide that is.
    bands = librosa.filters.mel(sr=rate, n_fft=window, n_mels=count, fmax=highest, norm=None)
    frequencies = librosa.mel_frequencies(len(bands) + 2, fmax=highest)[1:-1]
    levels = _decibels(np.sqrt(bands @ spectra**2))
    return few_frames(levels[:, : _frames(waveform, hop)], frequencies, rate / hop)


def constant_q(waveform: Waveform, rate: int) -> Cochlear:
    """Levels in filters a semitone apart, each of the same number of periods."""
    import librosa

    hop = round(rate / FRAMES)
    bins = int(OCTAVE * np.log2(min(HIGHEST, 0.45 * rate) / LOWEST))
    longest = round(rate / LOWEST / (2 ** (1 / OCTAVE) - 1))
    found = librosa.cqt(
        _padded(waveform, 2 * longest), sr=rate, hop_length=hop, fmin=LOWEST, n_bins=bins, bins_per_octave=OCTAVE
    )
    frequencies = librosa.cqt_frequencies(bins, fmin=LOWEST, bins_per_octave=OCTAVE)
    lengths = rate / frequencies / (2 ** (1 / OCTAVE) - 1)
    # librosa gives white noise the same level in all filters; without their lengths, a tone has its own in each.
    levels = _decibels(2 * np.abs(found) / np.sqrt(lengths)[:, None])
    return few_frames(levels[:, : _frames(waveform, hop)], frequencies, rate / hop)


PICTURES: dict[str, Callable[[Waveform, int], Cochlear]] = {"cochleagram": hear, "mel": mel, "constant-q": constant_q}


def _decibels(amplitudes: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.maximum(20 * np.log10(np.maximum(amplitudes, 1e-12)) - BLACK, 0.0)


def _padded(waveform: Waveform, least: int) -> Waveform:
    return np.pad(waveform, (0, max(0, least - len(waveform))))


def _frames(waveform: Waveform, hop: int) -> int:
    return max(1, len(waveform) // hop)
