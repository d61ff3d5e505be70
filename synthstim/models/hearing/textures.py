"""Sound textures: time-averaged statistics of an auditory model (McDermott & Simoncelli 2011).

The model filters a sound into bands of the ear, compresses their envelopes and filters those into bands of
modulation; ``STATISTICS`` are averages of all three over time (doi:10.1016/j.neuron.2011.06.032). A sound that matches
another in every class, starting from noise, is the same texture to the model: ``match(sound, STATISTICS)`` is the
objective. Definitions follow the authors' toolbox, departures are marked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models.capture import read_layers
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

_EAR = PRESETS["mcdermott2011"]
RATE, ENVELOPE_RATE, BANDS = _EAR.rate, _EAR.frames.rate, _EAR.bands
# Channels apart, as published.
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
# The published budget is 60 iterations; together they have 654 line searches, and here an evaluation is mostly one.
EVALUATIONS = 650


class SoundTexture(nn.Module):
    """Statistics of textures, one class a stage; sounds (batch, time), full scale at ``RATE`` -> (batch, statistic).

    Stages: those of ``STATISTICS``, each (batch, values) over 32 channels; ``envelope_kurtosis``; ``envelopes`` (batch,
    channel, frame at 400 Hz), compressed; ``octave_modulation`` (batch, channel, band, frame, real and imaginary). The ends of a sound are joined wherever it
    is filtered. A constant added to a sound is taken out first, since the lowest filter would pass it on and no ear
    hears it; the toolbox leaves it in.

    Args:
        samples: of the sounds.
        edge: seconds at either end that count less: none of the first half, a rising share of the second. There the
            joined ends click, and resampled envelopes dip. What is correlated and filtered into modulation bands is
            faded to the mean as well, as otherwise a click rings on in the bands. None: the published window instead,
            one-second raised cosines and no fading, under which the first and the last second of a sound are hardly
            matched (the authors cut them off, or matched all of the noise to a windowed recording).

    Raises:
        InputError: the sounds are shorter than half a second. Even so, a modulation band needs some cycles: those
            centred under 2 / duration have fewer than two, and those under 2 / 3 / duration measure 0.

    Example:
        >>> SoundTexture(40_000)(0.1 * torch.randn(1, 40_000)).shape
        torch.Size([1, 1739])
    """

    def __init__(self, samples: int, *, edge: float | None = EDGE_S) -> None:
        super().__init__()
        if samples < SHORTEST_S * RATE:
            raise InputError(
                f"a sound of {samples / RATE:.3g} s given: texture statistics need {SHORTEST_S:g} s or more of it"
            )
        if edge is not None and not 0 <= edge <= samples / RATE / 4:
            raise InputError(
                f"an edge of {edge:g} s given for sounds of {samples / RATE:.3g} s; expected 0 to a quarter of them"
            )
        self.cochleagram = Cochleagram.preset("mcdermott2011", samples=samples)
        channels, frames = self.cochleagram.shape
        half = round((edge or 0.0) * ENVELOPE_RATE / 2)
        weights = faded_window(frames, ramp=half, margin=half)
        self.register_buffer("fade", weights / weights.max(), persistent=False)
        if edge is None:
            weights = measurement_window(frames, seconds=max(1, round(samples / RATE)))
        self.subband_variance = SubbandVariance(filter_bank(BANDS, samples=samples, rate=RATE).responses, samples)
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
        self.float()

    def forward(self, waveforms: Tensor) -> Tensor:
        """All classes side by side, in the order of ``STATISTICS`` with kurtosis after skewness."""
        waveforms = waveforms - waveforms.mean(-1, keepdim=True)
        found = [self.subband_variance(waveforms)]
        envelopes = self.envelopes(self.cochleagram(waveforms))
        mean = self.envelope_mean(envelopes)
        centred = envelopes - mean[..., None]
        found += [mean, self.envelope_variation(centred, mean)]
        found += [self.envelope_skewness(centred, mean), self.envelope_kurtosis(centred, mean)]
        faded = mean[..., None] + self.fade * centred
        found += [self.envelope_correlation(faded), self.modulation_power(faded, centred, mean)]
        modulation = self.octave_modulation(faded)
        found += [self.modulation_correlation_c1(modulation, mean), self.modulation_correlation_c2(modulation, mean)]
        return torch.cat(found, 1)


def network(samples: int, *, trained: bool = True) -> SoundTexture:
    """The texture model for sounds of ``samples`` samples at ``RATE``. It has no weights; ``trained`` is ignored."""
    return SoundTexture(samples)


def class_decibels(texture: nn.Module, sounds: Tensor, references: Tensor) -> dict[str, Tensor]:
    """How well each class is matched: -20 log10(|statistics - reference| / |reference|), (batch,) in dB.

    The toolbox's measure, over all channels; it leaves out those 30 dB below the loudest.

    Args:
        sounds: (batch, time) at ``RATE``.
        references: (1 or batch, time).
    """
    with torch.no_grad():
        found, wanted = (read_layers(texture, each, STATISTICS) for each in (sounds, references))
        return {
            name: -20 * torch.log10((found[name] - wanted[name]).norm(dim=1) / wanted[name].norm(dim=1))
            for name in STATISTICS
        }
