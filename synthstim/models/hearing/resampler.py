"""Envelopes at a reduced rate -> frames."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synthstim.models.hearing.frames import Frames
from synthstim.models.hearing.linear import linear_map

Array = NDArray[np.float64]
# Frames computed together: more of them waste arithmetic on zeros, fewer waste time between small products.
CHUNK = 25
# Corrections for a cut-off filter below this part of its peak are left out.
_NEGLIGIBLE = 1e-6


class Resampler(nn.Module):
    """Envelopes (..., ``length``) that span a sound -> their values at its frames (..., frame).

    The envelopes are at even distances over the ``samples`` samples of a sound at ``rate`` Hz, as many or fewer; what
    they hold above half their own rate, less half the frame rate, comes out as error. A frame's weights lie around its
    centre, so frames are computed a chunk at a time, each by a small matrix from the stretch of envelope it needs;
    chunks share a matrix where they lie alike between the samples.
    """

    def __init__(self, frames: Frames, length: int, *, samples: int, rate: float) -> None:
        super().__init__()
        self.length = length
        step, half = samples / length, frames.taps // 2
        centres = frames.centres(samples, rate)
        groups = [centres[first : first + CHUNK] for first in range(0, len(centres), CHUNK)]
        span = min(int(np.ceil((CHUNK - 1) * rate / frames.rate / step + 2 * half / step)) + 2, length)
        self.span, self.counts = span, [len(group) for group in groups]
        # Of each chunk: where its stretch begins, and which matrix it takes.
        self.places: list[tuple[int, int]] = []
        matrices: list[Array] = []
        known: dict[tuple[float, int], int] = {}
        for group in groups:
            start = int(np.clip(np.ceil((group[0] - half) / step), 0, length - span))
            alike = (round(float(group[0] - start * step), 6), len(group))
            if alike not in known:
                known[alike] = len(matrices)
                offsets = (start + np.arange(span))[:, None] * step - group
                matrices.append(np.pad(step * frames.weights(offsets, rate), [(0, 0), (0, CHUNK - len(group))]))
            self.places.append((start, known[alike]))
        self.weights: Tensor
        self.ends: Tensor
        self.register_buffer("weights", torch.from_numpy(np.stack(matrices)).float(), persistent=False)
        self.register_buffer(
            "ends", torch.from_numpy(_ends(frames, centres, step, samples, rate)).float(), persistent=False
        )

    def forward(self, envelopes: Tensor) -> Tensor:
        """Return the frames."""
        return linear_map(envelopes, self._resample, self._spread)

    def _resample(self, envelopes: Tensor) -> Tensor:
        rows, matrices = envelopes.reshape(-1, self.length), self.weights.to(envelopes)
        frames = rows.new_empty(len(rows), sum(self.counts))
        for chunk, (start, number) in zip(frames.split(self.counts, 1), self.places, strict=True):
            torch.mm(rows[:, start : start + self.span], matrices[number, :, : chunk.shape[1]], out=chunk)
        if len(self.ends):
            frames.addmm_(rows[:, _ENDS], self.ends.to(rows))
        return frames.view(*envelopes.shape[:-1], -1)

    def _spread(self, frames: Tensor) -> Tensor:
        rows, matrices = frames.reshape(-1, frames.shape[-1]), self.weights.to(frames)
        envelopes = rows.new_zeros(len(rows), self.length)
        for chunk, (start, number) in zip(rows.split(self.counts, 1), self.places, strict=True):
            envelopes[:, start : start + self.span].addmm_(chunk, matrices[number, :, : chunk.shape[1]].T)
        if len(self.ends):
            envelopes[:, _ENDS] += rows @ self.ends.to(rows).T
        return envelopes.view(*frames.shape[:-1], -1)


# The envelope's last, first and second sample: the ends of a sound meet.
_ENDS = [-1, 0, 1]


def _ends(frames: Frames, centres: Array, step: float, samples: int, rate: float) -> Array:
    """Corrections at a sound's ends, for filters that padding cuts off there: (3, frame), or (0, frame) for none.

    The sum over all samples stops sharply at the first and the last; the coarser sum stops half a coarse step off. By
    Euler and Maclaurin, the difference is made up of the summand and its slope at either end.
    """
    value, slope = (1 - step) / 2, (step**2 - 1) / 12
    corrections = np.zeros((3, len(centres)))
    for sign, end in ((1, 0.0), (-1, float(samples))):
        around = frames.weights(end + step * np.arange(-1, 2)[:, None] - centres, rate)
        corrections += sign * np.array([[-slope / (2 * step)], [value], [slope / (2 * step)]]) * around
    cut = np.abs(corrections).max() > _NEGLIGIBLE * frames.rate / rate
    return corrections if cut else corrections[:0]
