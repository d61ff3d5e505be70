"""Sound textures: time-averaged statistics of an auditory model (McDermott & Simoncelli 2011, Neuron 71:926).

The model filters a sound into bands of the ear, compresses their envelopes and filters those into bands of
modulation; ``STATISTICS`` are averages of all three over time. A sound matched in every class is a texture metamer:
``match(sound, STATISTICS)`` is its objective. Definitions are those of the authors' toolbox.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models.hearing.cochleagram import PRESETS, Cochleagram
from synthstim.models.hearing.erb import filter_bank
from synthstim.models.hearing.modulation import constant_q_bands, faded_window, measurement_window, octave_bands
from synthstim.models.hearing.texture_statistics import (
    AnalyticModulation,
    EnvelopeCorrelation,
    EnvelopeMean,
    EnvelopeMoment,
    EnvelopeVariation,
    ModulationCorrelationC1,
    ModulationCorrelationC2,
    ModulationPower,
    SubbandVariance,
)

RATE = PRESETS["mcdermott2011"].rate
ENVELOPE_RATE = PRESETS["mcdermott2011"].frames.rate
BANDS = PRESETS["mcdermott2011"].bands
ENVELOPE_OFFSETS = (1, 2, 3, 5, 8, 11, 16, 21)
C1_OFFSETS = (1, 2)
SHORTEST_S = 0.5
EDGE_S = 0.05
# The classes that are matched, as layers. Kurtosis can be read as well; the authors' later advice is to leave it out.
STATISTICS = (
    "subband_variance",
    "envelope_mean",
    "envelope_variation",
    "envelope_skewness",
    "envelope_correlation",
    "modulation_power",
    "modulation_correlation_c1",
    "modulation_correlation_c2",
)
# The published rule: stop when every class is matched to this, mark a sound in which one is not.
STOP_DB, FLAG_DB = 30.0, 20.0


class SoundTexture(nn.Module):
    """Statistics of textures, one class a stage.

    Args:
        samples: of the sounds at ``RATE``.
        edge: seconds that fade in and out of the averages at either end, where the filters join the end of a sound
            to its start. None: the published window, one-second raised cosines, in which the first and the last second
            of a sound hardly count, so that the authors cut them off. 0: all of the sound counts alike.

    Raises:
        InputError: the sounds are shorter than half a second. Even so, a band of modulation needs some cycles: those
            under 2 / duration have fewer than two, those under 0.7 / duration none and measure 0.

    Example:
        >>> SoundTexture(40_000)(0.1 * torch.randn(1, 40_000)).shape
        torch.Size([1, 1707])
    """

    def __init__(self, samples: int, *, edge: float | None = EDGE_S) -> None:
        super().__init__()
        if samples < SHORTEST_S * RATE:
            raise InputError(
                f"a sound of {samples / RATE:.3g} s came: texture statistics want {SHORTEST_S} s or more of it"
            )
        frames = int(-(-samples * ENVELOPE_RATE // RATE))
        if edge is not None and not 0 <= edge * ENVELOPE_RATE <= frames // 2:
            raise InputError(f"an edge of {edge} s came for sounds of {samples / RATE:.3g} s: give 0 to half of it")
        bank = filter_bank(BANDS, samples=samples, rate=RATE)
        half = round((edge or 0.0) * ENVELOPE_RATE / 2)
        weights = (
            measurement_window(frames, seconds=max(1, round(samples / RATE)))
            if edge is None
            else faded_window(frames, ramp=half, margin=half)
        )
        channels = BANDS.channels
        self.subband_variance = SubbandVariance(bank.responses, samples)
        self.cochleagram = Cochleagram.preset("mcdermott2011", samples=samples)
        # The resampling filter undershoots; an envelope does not.
        self.envelopes = nn.ReLU()
        self.envelope_mean = EnvelopeMean(weights)
        self.envelope_variation = EnvelopeVariation(weights)
        self.envelope_skewness = EnvelopeMoment(weights, 3)
        self.envelope_kurtosis = EnvelopeMoment(weights, 4)
        self.envelope_correlation = EnvelopeCorrelation(weights, channels, ENVELOPE_OFFSETS)
        self.modulation_power = ModulationPower(weights, constant_q_bands(frames, ENVELOPE_RATE))
        self.octave_modulation = AnalyticModulation(octave_bands(frames, ENVELOPE_RATE), frames)
        self.modulation_correlation_c1 = ModulationCorrelationC1(weights, channels, C1_OFFSETS)
        self.modulation_correlation_c2 = ModulationCorrelationC2(weights)
        self.register_buffer("fade", torch.ones_like(weights) if edge is None else weights / weights.max())
        self.float()

    def forward(self, waveforms: Tensor) -> Tensor:
        """All classes but kurtosis side by side, (batch, statistic), of waveforms (batch, time), full scale."""
        # A constant is not heard, yet the lowest filter would pass it on.
        waveforms = waveforms - waveforms.mean(1, keepdim=True)
        variance = self.subband_variance(waveforms)
        envelopes = self.envelopes(self.cochleagram(waveforms))
        mean = self.envelope_mean(envelopes)
        centred = envelopes - mean[..., None]
        self.envelope_kurtosis(centred, mean)
        faded = mean[..., None] + self.fade * centred
        found = [variance, mean, self.envelope_variation(centred, mean), self.envelope_skewness(centred, mean)]
        found += [self.envelope_correlation(faded), self.modulation_power(faded, centred, mean)]
        modulation = self.octave_modulation(faded)
        found += [self.modulation_correlation_c1(modulation, mean), self.modulation_correlation_c2(modulation, mean)]
        return torch.cat(found, 1)


def network(samples: int, *, trained: bool = True) -> nn.Module:
    """The texture model for sounds of ``samples`` samples at ``RATE``."""
    return SoundTexture(samples)


