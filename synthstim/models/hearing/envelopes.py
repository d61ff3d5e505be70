"""Hilbert envelopes of the ear's bands, resampled to frames: each band on its own support, at a rate of its own.

Bands hold a small part of a sound's spectrum (3.8 % for the 2023 front end). Moved down to 0 Hz, which leaves its
envelope as it is, a band needs a rate of some times its width and not the sound's.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from synthstim.models.hearing.erb import ErbBands, filter_bank
from synthstim.models.hearing.frames import Frames
from synthstim.models.hearing.linear import linear_map
from synthstim.models.hearing.magnitude import magnitude
from synthstim.models.hearing.resampler import CHUNK, Resampler
from synthstim.models.hearing.supports import Supports

# A band's reduced rate over its width, for a band of _TYPICAL Hz. An envelope's square has twice the band's width; the
# envelope has no limit, a compressed one less so, and what lies above half the reduced rate comes back as error
# (benchmarks/cochleagram.py). Gradients' errors go as (width / rate) ** 1.5; as many samples do most where the rate goes
# as width ** 0.75, so wider bands get less for their width.
_OVER, _OVER_COMPRESSED, _TYPICAL = 10.0, 32.0, 300.0
# Reduced rates are also at least this many times the frame rate.
_LEAST = 4.0
# The least envelope of the 2023 code; below it there is no gradient either.
_FLOOR = 1e-8
# Reduced lengths are these times a power of two: quick to transform, and few, so that bands go together.
_STEPS = (4, 5, 6, 7)


class Envelopes(nn.Module):
    """Sounds (batch, ``samples``), at ``rate`` Hz -> the envelope of each band at each frame (batch, channel, frame).

    ``half``: at half amplitude and nowhere under 1e-8, as in the code of Feather et al. 2023, which leaves out the
    spectrum's upper half and does not double the lower one. ``compress`` is applied before resampling. ``over`` is the rate over the width
    of a band 300 Hz wide (None: 10, with ``compress`` 32; ``inf``: the full rate). ``shape`` is (channel, frame).
    """

    def __init__(
        self,
        samples: int,
        *,
        rate: float,
        bands: ErbBands,
        frames: Frames,
        half: bool = False,
        compress: nn.Module | None = None,
        over: float | None = None,
    ) -> None:
        super().__init__()
        self.shape = (bands.channels, len(frames.centres(samples, rate)))
        bank = filter_bank(bands, samples=samples, rate=rate)
        over = over or (_OVER if compress is None else _OVER_COMPRESSED)
        factor = rate / frames.rate
        least, multiple = _LEAST * samples / factor, _multiple(samples / factor)
        groups: dict[int, list[int]] = {}
        for channel, values in enumerate(bank.values):
            width = len(values) * rate / samples
            wanted = over * (_TYPICAL / width) ** 0.25 * len(values)
            groups.setdefault(_reduced_length(max(wanted, least), samples, multiple), []).append(channel)

        self.supports = Supports(bank, list(groups.values()), doubled=not half)
        self.lengths = tuple(groups)
        self.floor = _FLOOR if half else 0.0
        self.resamplers = nn.ModuleList(Resampler(frames, length, samples=samples, rate=rate) for length in groups)
        self.compress = compress if compress is not None else nn.Identity()
        self.order: Tensor
        self.inverse: Tensor
        inverse = torch.tensor([channel for group in groups.values() for channel in group])
        self.register_buffer("order", inverse.argsort(), persistent=False)
        self.register_buffer("inverse", inverse, persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the envelopes."""
        parts = []
        groups = zip(self.lengths, self.supports(waveforms), self.resamplers, strict=True)
        for length, spectra, resample in groups:
            # Compression makes envelopes' cusps so sharp that nothing between the samples helps.
            between = length < self.supports.samples and isinstance(self.compress, nn.Identity)
            parts.append(resample(self.compress(magnitude(spectra, length, between=between, floor=self.floor))))
        return linear_map(torch.cat(parts, 1), lambda x: x[:, self.order], lambda y: y[:, self.inverse])


def _reduced_length(least: float, samples: int, multiple: int) -> int:
    """The shortest quick length of at least ``least``, or the whole length where that is no shorter."""
    if least >= samples:
        return samples
    octave = 2 ** max(int(np.floor(np.log2(least / (_STEPS[0] * multiple)))), 0)
    lengths = (multiple * step * octave for step in (*_STEPS, 2 * _STEPS[0]))
    return min(next(length for length in lengths if length >= least), samples)


def _multiple(frames: float) -> int:
    """Of what reduced lengths should be multiples, for chunks of frames to lie alike between samples; 1 for anything.

    ``frames`` is how many would fill the sound. A multiple that is slow to transform is not worth it.
    """
    if not frames.is_integer():
        return 1
    multiple = rest = int(frames) // math.gcd(int(frames), CHUNK)
    for prime in (2, 3, 5, 7):
        while rest % prime == 0:
            rest //= prime
    return multiple if rest == 1 else 1
