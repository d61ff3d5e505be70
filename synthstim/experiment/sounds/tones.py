"""Sounds that are made at export: the tones of the headphone check, and a noise to set the volume by."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

# Woods, Siegel, Traer & McDermott (2017), Headphone screening to facilitate web-based auditory experiments.
FREQUENCY_HZ, TONE_S, GAP_S, RAMP_S, SOFTER_DB = 200.0, 1.0, 0.5, 0.1, -6.0
TRIALS, PASS = 6, 5
NOISE_S, NOISE_RAMP_S, NOISE_BAND_HZ = 4.0, 0.05, (80.0, 10_000.0)
# Noise peaks about 12 dB above its level, a sine 3 dB: nothing here comes near full scale.
LOUDEST_DBFS = -16.0
# The entry of the speakers in settings.json and the manifest.
SPEAKERS = "sound"
Stereo = NDArray[np.float64]


def headphone_tones(rate_hz: int, level_dbfs: float) -> dict[str, Stereo]:
    """The six sounds of the headphone check: three tones each, of which one is softer and one in antiphase.

    S is the softer tone, A one of the equal ones in antiphase between the ears, E the other equal one. Over loudspeakers
    the antiphase tone cancels and sounds softest; over headphones it is as loud as the other.

    Args:
        level_dbfs: root mean square of the equal tones' steady part, dB relative to full scale.

    Returns:
        By the order of the tones (``SAE``, ...): (time, ear) at full scale.

    Example:
        >>> sorted(headphone_tones(48000, -26.0))
        ['AES', 'ASE', 'EAS', 'ESA', 'SAE', 'SEA']
    """
    time = np.arange(round(TONE_S * rate_hz)) / rate_hz
    tone = (
        _level(level_dbfs) * np.sqrt(2) * np.sin(2 * np.pi * FREQUENCY_HZ * time) * _ramps(len(time), RAMP_S, rate_hz)
    )
    kinds = {
        "S": 10 ** (SOFTER_DB / 20) * np.stack([tone, tone], 1),
        "A": np.stack([tone, -tone], 1),
        "E": np.stack([tone, tone], 1),
    }
    gap = np.zeros((round(GAP_S * rate_hz), 2))
    out = {}
    for order in permutations("SAE"):
        first, second, third = (kinds[kind] for kind in order)
        out["".join(order)] = np.concatenate([first, gap, second, gap, third])
    return out


def level_noise(rate_hz: int, level_dbfs: float) -> Stereo:
    """Pink noise to set the volume by, the same in both ears, (time, ear)."""
    samples = round(NOISE_S * rate_hz)
    frequency = np.fft.rfftfreq(samples, 1 / rate_hz)
    low, high = NOISE_BAND_HZ
    inside = (frequency >= low) & (frequency <= min(high, 0.45 * rate_hz))
    # The same noise in every experiment: its random phases have a seed of their own.
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, len(frequency))
    spectrum = np.where(inside, np.exp(1j * phase) / np.sqrt(np.maximum(frequency, low)), 0)
    noise = np.fft.irfft(spectrum, samples)
    noise *= _level(level_dbfs) / np.sqrt(np.mean(noise**2))
    noise *= _ramps(samples, NOISE_RAMP_S, rate_hz)
    return np.stack([noise, noise], 1)


def write_stereo(path: Path, sound: Stereo, rate_hz: int) -> None:
    """Write (time, ear) at full scale as a 24-bit WAV file."""
    steps = np.rint(sound * 2**23).astype(np.int32)
    soundfile.write(str(path), steps << 8, rate_hz, subtype="PCM_24", format="WAV")


def _level(level_dbfs: float) -> float:
    return float(10 ** (min(level_dbfs, LOUDEST_DBFS) / 20))


def _ramps(samples: int, seconds: float, rate_hz: int) -> NDArray[np.float64]:
    rising = np.sin(np.linspace(0, np.pi / 2, round(seconds * rate_hz))) ** 2
    flat = np.ones(samples - 2 * len(rising))
    return np.concatenate([rising, flat, rising[::-1]])
