"""Sound-texture statistics once more, in numpy, from the description of the published toolbox: for comparison only.

One band at a time, in double precision, at the full rate throughout.
"""

from __future__ import annotations

import numpy as np
import scipy.signal

RATE, ENVELOPE_RATE = 20_000, 400
OFFSETS, C1_OFFSETS = (1, 2, 3, 5, 8, 11, 16, 21), (1, 2)


def erb(hz):
    return 9.265 * np.log(1 + hz / (24.7 * 9.265))


def ear_filters(samples):
    """30 half cosines on the ERB scale, 20 to 10,000 Hz, and what is left below and above: (32, frequency)."""
    frequency = np.fft.rfftfreq(samples, 1 / RATE)
    edges = np.linspace(erb(20.0), erb(10_000.0), 32)
    position = erb(frequency)
    bands = []
    for low, centre, high in zip(edges[:-2], edges[1:-1], edges[2:], strict=True):
        inside = (position > low) & (position < high)
        bands.append(np.where(inside, np.cos((position - centre) / (high - low) * np.pi), 0))
    below = np.where(position < edges[1], np.sqrt(1 - np.minimum(bands[0] ** 2, 1)), 0)
    above = np.where(position > edges[-2], np.sqrt(1 - np.minimum(bands[-1] ** 2, 1)), 0)
    return np.stack([below, *bands, above])


def apply(response, signal):
    return np.fft.irfft(response * np.fft.rfft(signal), len(signal))


def window(frames, seconds):
    """One-second raised cosines, half overlapped, the two at the ends left out."""
    ramp = frames // (seconds + 1)
    hann = np.concatenate([1 - np.cos(np.pi * np.arange(1, ramp + 1) / ramp), 1 + np.cos(np.pi * np.arange(1, ramp + 1) / ramp)]) / 2  # fmt: skip
    total = np.zeros(frames)
    for number in range(seconds):
        total[number * ramp : (number + 2) * ramp] += hann
    return total / total.sum()


def modulation_filters(frames):
    frequency = np.fft.rfftfreq(frames, 1 / ENVELOPE_RATE)
    centres = 2 ** np.linspace(np.log2(0.5), np.log2(200), 20)
    filters = np.zeros((20, len(frequency)))
    for row, centre in zip(filters, centres, strict=True):
        inside = (frequency > centre / 2) & (frequency < 1.5 * centre)
        row[inside] = np.cos((frequency[inside] - centre) / centre * np.pi)
    middle = (frequency >= centres[3]) & (frequency <= centres[-4])
    return filters / np.sqrt((filters**2).sum(0)[middle].mean())


def octave_filters(frames):
    frequency = np.fft.rfftfreq(frames, 1 / ENVELOPE_RATE)
    filters = np.zeros((7, len(frequency)))
    for row, centre in zip(filters, 100 / 2.0 ** np.arange(6, -1, -1), strict=True):
        inside = (frequency > centre / 2) & (frequency < 2 * centre)
        row[inside] = np.cos(np.log2(frequency[inside] / centre) * np.pi / 2)
    return filters


def envelopes_of(sound):
    """Compressed envelopes (32, frame) at 400 Hz, and the subbands (32, time)."""
    subbands = np.stack([apply(response, sound) for response in ear_filters(len(sound))])
    full = np.abs(scipy.signal.hilbert(subbands, axis=1)) ** 0.3
    return np.maximum(scipy.signal.resample_poly(full, 1, 50, axis=1, window=("kaiser", 5.0)), 0), subbands


def statistics(sound):
    """Class -> values, in the order of the model's stages, of a sound (time,) under the published window."""
    envelopes, subbands = envelopes_of(sound)
    frames = envelopes.shape[1]
    weights = window(frames, max(1, round(len(sound) / RATE)))
    power_filters, octaves = modulation_filters(frames), octave_filters(frames)
    found = {name: [] for name in ("mean", "variation", "skewness", "kurtosis", "power", "c2")}
    analytic = np.zeros((32, 7, frames), complex)
    for channel, envelope in enumerate(envelopes):
        mean = (weights * envelope).sum()
        spread = (weights * (envelope - mean) ** 2).sum()
        found["mean"].append(mean)
        found["variation"].append(np.sqrt(spread) / mean)
        found["skewness"].append((weights * (envelope - mean) ** 3).sum() / spread**1.5)
        found["kurtosis"].append((weights * (envelope - mean) ** 4).sum() / spread**2)
        found["power"] += [(weights * apply(response, envelope) ** 2).sum() / spread for response in power_filters]
        for number, response in enumerate(octaves):
            analytic[channel, number] = scipy.signal.hilbert(apply(response, envelope))
        for low, high in zip(analytic[channel][:-1], analytic[channel][1:], strict=True):
            doubled = low**2 / np.abs(low)
            scale = np.sqrt((weights * doubled.real**2).sum() * (weights * high.real**2).sum())
            found["c2"] += [(weights * doubled.real * part).sum() / scale for part in (high.real, high.imag)]
    return {
        "subband_variance": subbands.var(axis=1, ddof=1),
        "envelope_mean": np.array(found["mean"]),
        "envelope_variation": np.array(found["variation"]),
        "envelope_skewness": np.array(found["skewness"]),
        "envelope_kurtosis": np.array(found["kurtosis"]),
        "envelope_correlation": np.array(
            [
                correlation(envelopes[low], envelopes[low + step], weights)
                for step in OFFSETS
                for low in range(32 - step)
            ]
        ),
        "modulation_power": np.array(found["power"]),
        "modulation_correlation_c1": np.array(
            [
                correlation(analytic[low, band].real, analytic[low + step, band].real, weights)
                for step in C1_OFFSETS
                for low in range(32 - step)
                for band in range(1, 7)
            ]
        ),
        "modulation_correlation_c2": np.array(found["c2"]),
    }


def correlation(one, two, weights):
    return (weights * (one - one.mean()) * (two - two.mean())).sum() / (one.std() * two.std())
