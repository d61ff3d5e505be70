"""The spectrotemporal model: the energy in modulation filters on a cochleagram.

``feather2023`` is the model of Feather et al. 2023 (doi:10.1038/s41593-023-01442-0), whose metamers humans recognise;
``norman_haignere2018`` has the filters of Norman-Haignere & McDermott 2018 (doi:10.1371/journal.pbio.2005127), with
which they made model-matched sounds, up to 128 Hz and 8 cycles per octave.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
from torch import Tensor, nn

from synthstim.errors import InputError, nearest
from synthstim.models.hearing import feather2023
from synthstim.models.hearing.cochleagram import Cochleagram
from synthstim.models.hearing.compression import Compression
from synthstim.models.hearing.erb import ErbBands
from synthstim.models.hearing.frames import Frames
from synthstim.models.hearing.ripple_filters import Modulations, RippleFilters

RATE = 20_000
STAGES = ("cochleagram", "filters", "power", "avgpool")
AXES = {"avgpool": "channel frequency"}
_PER_OCTAVE = 24
PRESETS = {
    "feather2023": Modulations(
        rates=(0, 0.5, 1, 2, 4, 8, 16, 32, 64),
        scales=(0, 0.0625, 0.125, 0.25, 0.5, 1, 2),
        frame_rate=200,
        # Channels per ERB as published; exactly it is 6.1.
        density=6,
        room=(211 / 6, 2 * 390 / 200),
        highpass=True,
        short=True,
        gain=100,
    ),
    "norman_haignere2018": Modulations(
        rates=(0.5, 1, 2, 4, 8, 16, 32, 64, 128),
        scales=(0, 0.25, 0.5, 1, 2, 4, 8),
        frame_rate=400,
        density=_PER_OCTAVE,
        # Two periods of the lowest scale, three of the lowest rate.
        room=(8, 6),
        separate=True,
        mean_around=True,
    ),
}


class Octaves(nn.Module):
    """Channels anywhere on the frequency axis -> channels evenly spaced in octaves, by linear interpolation.

    The original interpolates with a monotone cubic and beyond its lowest and highest filters; here the ends are held.
    """

    weights: Tensor

    def __init__(self, centres: Tensor, *, low: float, high: float, per_octave: int = _PER_OCTAVE) -> None:
        super().__init__()
        given = np.log2(centres.double().numpy())
        wanted = np.log2(low) + np.arange(int(np.log2(high / low) * per_octave) + 1) / per_octave
        weights = np.stack([np.interp(wanted, given, unit) for unit in np.eye(len(given))], 1)
        self.register_buffer("weights", torch.from_numpy(weights).float(), persistent=False)

    def forward(self, cochleagrams: Tensor) -> Tensor:
        """(batch, channel, frame) -> (batch, channel in octaves, frame)."""
        return self.weights @ cochleagrams


class Power(nn.Module):
    """Squared responses, not less than ``floor``."""

    def __init__(self, floor: float) -> None:
        super().__init__()
        self.floor = floor

    def forward(self, responses: Tensor) -> Tensor:
        """Same shape."""
        return responses.square().clamp(min=self.floor)


class TimeAverage(nn.Module):
    """The mean over time."""

    def forward(self, power: Tensor) -> Tensor:
        """(batch, filter, channel, frame) -> (batch, filter, channel)."""
        return power.mean(-1)


class Spectrotemporal(nn.Sequential):
    """Waveform -> ``cochleagram`` -> ``filters`` -> ``power`` -> ``avgpool``, each a submodule to match at.

    ``filters`` has the responses (batch, filter, channel, frame), ``filters.tunings`` what each filter is tuned to;
    ``power`` their squares, ``avgpool`` those averaged over time. With ``words`` a linear readout, ``final``, follows.

    Args:
        samples: of the sounds, at ``RATE``.
        preset: of ``PRESETS``.
        words: logits of the readout, for the authors' weights, which are for 2 s; None for none.

    Raises:
        InputError: the preset is unknown, the sound is too short, or a readout is asked for another sound than 2 s.

    Example:
        >>> model = Spectrotemporal(40_000)
        >>> len(model.filters.tunings), model(torch.zeros(1, 40_000)).shape
        (111, torch.Size([1, 111, 211]))
    """

    def __init__(self, samples: int, *, preset: str = "feather2023", words: int | None = None) -> None:
        super().__init__()
        if preset not in PRESETS:
            raise InputError(f"no spectrotemporal model is called {preset!r}: {nearest(preset, PRESETS)}")
        make_ear = _feather_ear if preset == "feather2023" else _norman_haignere_ear
        self.cochleagram, (channels, frames) = make_ear(samples)
        self.filters = RippleFilters(channels, frames, PRESETS[preset])
        self.power = Power(1e-8 if preset == "feather2023" else 0.0)
        self.avgpool = TimeAverage()
        if words is not None:
            feather2023.require_two_seconds(samples, "the spectrotemporal model's readout")
            self.flat = nn.Flatten()
            self.final = nn.Linear(len(self.filters.tunings) * channels, words)


def network(
    samples: int, *, trained: bool = True, preset: str = "feather2023", words: int | None = None
) -> Spectrotemporal:
    """The model for sounds of ``samples`` samples; ``trained`` matters only with a readout, whose weights are not carried."""
    if words is not None and trained:
        raise InputError(
            "the readout of the spectrotemporal model is its authors' and is not carried",
            "give a weights file (synthstim convert makes one of their spectemp_model.pt), or weights random",
        )
    return Spectrotemporal(samples, preset=preset, words=words)


def published_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The readout in the published layout, by this model's names; the filters beside it are built here."""
    own = feather2023.head(feather2023.published_state(state, anchor="classification.weight"), "final")
    return {name: value for name, value in own.items() if not name.startswith("spectempfilterbank.")}


def _feather_ear(samples: int) -> tuple[nn.Module, tuple[int, int]]:
    ear = Cochleagram.preset("feather2023", samples=samples, compat=True)
    return ear, ear.shape


def _norman_haignere_ear(samples: int) -> tuple[nn.Module, tuple[int, int]]:
    """30 bands, four times oversampled, without low- and high-pass filters; compressed, then 400 frames a second."""
    bands = ErbBands(30, 20, 10_000, 4, lowpass=False, highpass=False)
    frames, compression = Frames(400, padding=(500, 500)), Compression(0.3, first=True)
    ear = Cochleagram(samples, rate=RATE, bands=bands, frames=frames, compression=compression)
    octaves = Octaves(ear.centre_frequencies, low=bands.low, high=bands.high)
    return nn.Sequential(OrderedDict(erb=ear, octaves=octaves)), (len(octaves.weights), ear.shape[1])
