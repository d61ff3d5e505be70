"""What lies in each band of a sound's spectrum, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from synthstim.models.hearing.erb import FilterBank
from synthstim.models.hearing.linear import linear_map


class Supports(nn.Module):
    """Sounds (batch, time) -> the filtered spectra of groups of bands, one (batch, band, bin) for each group.

    ``groups`` lists the channels of each. Bins are those of a band's support, from its lowest on, with zeros after its
    highest where others of its group are wider. An inverse transform without scaling, of any length that holds them,
    gives the analytic subband, moved down in frequency. ``doubled``: positive frequencies count twice, as analytic
    signals have them.
    """

    def __init__(self, bank: FilterBank, groups: Sequence[Sequence[int]], *, doubled: bool) -> None:
        super().__init__()
        self.samples = bank.samples
        one_sided = bank.one_sided.numpy() if doubled else np.ones(bank.bins)
        self.blocks = [(len(group), max(len(bank.values[channel]) for channel in group)) for group in groups]
        indices, weights = [], []
        for group, (_, width) in zip(groups, self.blocks, strict=True):
            for channel in group:
                index = np.minimum(bank.starts[channel] + np.arange(width), bank.bins - 1)
                values = np.zeros(width)
                values[: len(bank.values[channel])] = bank.values[channel] / bank.samples
                indices.append(index)
                weights.append(values * one_sided[index])
        self.index: Tensor
        self.weight: Tensor
        self.register_buffer("index", torch.from_numpy(np.concatenate(indices)), persistent=False)
        # Each weight twice, for a real and an imaginary part.
        weight = torch.from_numpy(np.repeat(np.concatenate(weights), 2)).float()
        self.register_buffer("weight", weight, persistent=False)

    def forward(self, waveforms: Tensor) -> list[Tensor]:
        """Return the spectra."""
        flat = linear_map(waveforms, self._gather, self._scatter)
        blocks = flat.split([bands * width for bands, width in self.blocks], 1)
        return [block.unflatten(1, shape) for block, shape in zip(blocks, self.blocks, strict=True)]

    def _gather(self, waveforms: Tensor) -> Tensor:
        spectra = torch.fft.rfft(waveforms)
        return self._weighted(spectra.gather(1, self.index.expand(len(spectra), -1)))

    def _scatter(self, supports: Tensor) -> Tensor:
        spectra = supports.new_zeros(len(supports), self.samples // 2 + 1)
        spectra.scatter_add_(1, self.index.expand(len(supports), -1), self._weighted(supports))
        # Inverting a real transform counts all bins but DC and Nyquist twice; the adjoint counts each once.
        spectra[:, 1 : (self.samples + 1) // 2] /= 2
        return torch.fft.irfft(spectra, n=self.samples, norm="forward")

    def _weighted(self, supports: Tensor) -> Tensor:
        pairs = torch.view_as_real(supports).flatten(1)
        return torch.view_as_complex((pairs * self.weight).unflatten(1, (-1, 2)))
