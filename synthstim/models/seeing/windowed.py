"""What models share that pool in windows around a fixation point: the sparse matrices, the centre, and where a metamer begins."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthstim.modalities.image.noise import noise
from synthstim.models.seeing.pooling import PoolMatrix
from synthstim.models.seeing.windows import LogPolarWindows

CENTRE = "centre"


class Windowed(nn.Module):
    """A module that looks at images (batch, channel, y, x) through windows.

    Attributes:
        windows: those.
        inside: the pixels, row by row, of which the windows leave something to the centre.
        central: how much of each.
    """

    windows: LogPolarWindows
    inside: Tensor
    central: Tensor

    def look_through(self, windows: LogPolarWindows) -> None:
        """Take these windows; to be called when the module is made."""
        self.windows = windows
        left = windows.central().flatten()
        self.inside = (left > 1e-6).nonzero()[:, 0]
        self.register_buffer("central", left[self.inside].float().contiguous(), persistent=False)
        self._pools: dict[tuple[tuple[int, int], torch.dtype, torch.device], PoolMatrix] = {}

    def extra_repr(self) -> str:
        """The windows."""
        return repr(self.windows)

    def pool_on(self, grid: tuple[int, int], like: Tensor) -> PoolMatrix:
        """The windows on a grid, in the precision and on the device of what is pooled."""
        key = grid, like.dtype, like.device
        if key not in self._pools:
            window, cell, weight = self.windows.on_grid(grid)
            self._pools[key] = PoolMatrix(
                window.to(like.device), cell.to(like.device), weight.to(like.device, like.dtype),
                self.windows.count, grid[0] * grid[1],
            )  # fmt: skip
        return self._pools[key]

    def centre_of(self, images: Tensor) -> Tensor:
        """The pixels (batch, channel, pixel) that no window pools, each times what the windows leave of it."""
        return images.flatten(2)[..., self.inside] * self.central

    def noise_like(self, references: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        """Where a metamer of each reference (batch, channel, y, x) begins: its means in windows, under weak pink noise.

        The centre, which is matched pixel by pixel, is the reference's own. Fine structure is left to be found: what is there too
        much takes longer to remove than what is missing takes to grow, so noise of the right energies is a worse start.
        """
        weak = noise("pink", tuple(references.shape[1:]), generators) - 0.5
        centre = self.windows.central()
        smooth = torch.stack([self.windows.smoothed(image) for image in references.double()])
        return (smooth + centre * references + (1 - centre) * weak).clamp(0, 1)
