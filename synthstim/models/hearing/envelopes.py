"""Hilbert envelopes of the ear's bands, resampled to frames."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from synthstim.models.hearing.erb import ErbBands, Subbands, filter_bank
from synthstim.models.hearing.frames import Frames


class Envelopes(nn.Module):
    """Sounds (batch, time) -> the envelope of each band at each frame (batch, channel, frame)."""

    def __init__(
        self,
        samples: int,
        *,
        rate: float,
        bands: ErbBands,
        frames: Frames,
        half: bool = False,
        compress: nn.Module | None = None,
    ) -> None:
        super().__init__()
        centres = frames.centres(samples, rate)
        self.subbands = Subbands(filter_bank(bands, samples=samples, rate=rate))
        if half:
            # The published code leaves the spectrum's upper half out and does not double the lower one.
            self.subbands.weights /= self.subbands.bank.one_sided
        self.shape = (bands.channels, len(centres))
        self.compress = compress
        self.weights: Tensor
        weights = frames.weights(np.arange(samples) - centres[:, None], rate)
        self.register_buffer("weights", torch.from_numpy(weights).float(), persistent=False)

    def forward(self, waveforms: Tensor) -> Tensor:
        """Return the envelopes."""
        envelopes = self.subbands(waveforms).abs()
        if self.compress is not None:
            envelopes = self.compress(envelopes)
        return envelopes @ self.weights.to(envelopes).T
