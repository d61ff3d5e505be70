"""Luminance and V1 energies in windows that grow with eccentricity (Broderick, Rufo, Winawer & Simoncelli 2023).

An image that matches another in every window has its luminance there, or its luminance and the energies of its bands: what is left
of the early visual system once features are blurred, without the textures of ``foveated``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthstim.models.seeing.pooling import by_place, pooled
from synthstim.models.seeing.sizes import require_side
from synthstim.models.seeing.steerable import SteerablePyramid, low_frequencies, unit_bands
from synthstim.models.seeing.windowed import CENTRE, Windowed
from synthstim.models.seeing.windows import NARROWEST, WINDOW_SETTINGS, LogPolarWindows, read_settings

SIZE = (256, 256)
SETTINGS = WINDOW_SETTINGS
SMALLEST = 64
ORIENTATIONS = 4
LUMINANCE = "luminance"
# 0.25 is that of V1 (Freeman & Simoncelli 2011); the critical one of luminance was about a fourth of that of energies.
ENERGY_SCALING, LUMINANCE_SCALING = 0.25, 0.0625
# Width in pixels of the windows at the border of the centre: one value in two pixels leaves something open, a value for each band does not.
NARROWEST_OF_LUMINANCE = 2.0


class FoveatedSpectral(Windowed):
    """Mean luminance of every window, and the mean energies of oriented bands.

    ``centre`` are the pixels that no window pools, each times what the windows leave of it. ``luminance`` (window) are mean
    display values. ``energy_0`` ... (window, orientation) are mean squared magnitudes of the analytic bands of an octave, from the finest:
    of a grating at the band's own frequency and orientation the square of its amplitude. Octaves go on until a grid has 4 pixels;
    what is finer than the first, beyond the Nyquist frequency of rows and columns, is not read.

    Departures from the paper: windows are those of Freeman & Simoncelli 2011 with flat tops, no Gaussians; those of
    coarse scales are the fine ones' weights summed over cells; and the ends of an image are joined.

    Args:
        size: (height, width) of the images: any, from 64 pixels.
        energies: read them, and not luminance alone.
        scaling: diameter of a window over its eccentricity; None for 0.25 with energies, 0.0625 without.
        fixation: (y, x) in pixels; None for the middle.
        fovea: radius of the centre, in pixels; None for where windows are 8 pixels wide, 2 without energies.

    Raises:
        InputError: the images are too small, or the windows do not suit them.

    Example:
        >>> network = FoveatedSpectral((64, 64), scaling=1.0)
        >>> network.statistics
        ('centre', 'luminance', 'energy_0', 'energy_1', 'energy_2', 'energy_3')
        >>> network.windows.count, network(torch.rand(1, 1, 64, 64)).shape
        (13, torch.Size([1, 753]))
    """

    channels = 1

    def __init__(
        self,
        size: tuple[int, int],
        *,
        energies: bool = True,
        scaling: float | None = None,
        fixation: tuple[float, float] | None = None,
        fovea: float | None = None,
    ) -> None:
        super().__init__()
        require_side(size, SMALLEST, shown="images", what="pooled energies" if energies else "windows")
        if scaling is None:
            scaling = ENERGY_SCALING if energies else LUMINANCE_SCALING
        if fovea is None and scaling > 0:
            fovea = (NARROWEST if energies else NARROWEST_OF_LUMINANCE) / scaling
        self.look_through(LogPolarWindows(size, scaling, fixation, fovea))
        self.pyramid = SteerablePyramid(size, int(math.log2(min(size))) - 2 if energies else 0, ORIENTATIONS)
        self.statistics = (CENTRE, LUMINANCE, *(f"energy_{scale}" for scale in range(self.pyramid.scales)))
        for name in self.statistics:
            self.add_module(name, nn.Identity())
        for scale in range(self.pyramid.scales):
            bands = unit_bands(self.pyramid, scale).float().contiguous()
            self.register_buffer(f"bands_{scale}", bands, persistent=False)

    @property
    def groups(self) -> dict[str, tuple[str, ...]]:
        """All classes by one name."""
        return {"statistics": self.statistics}

    @property
    def bytes_of_item(self) -> int:
        """About how much memory an image and its gradient take, as measured at 256 and 512 px."""
        return math.prod(self.windows.size) * (200 if self.pyramid.scales else 25)

    def forward(self, images: Tensor) -> Tensor:
        """All classes side by side, in the order of ``statistics``."""
        found = [self.centre_of(images), self._means(images)]
        spectrum = torch.fft.fft2(images)
        for scale in range(self.pyramid.scales):
            spectrum = low_frequencies(spectrum, self.pyramid.grid(scale))
            band = torch.fft.ifft2(spectrum * torch.view_as_complex(getattr(self, f"bands_{scale}")))
            found.append(self._means(band.real.square() + band.imag.square()))
        pairs = zip(self.statistics, found, strict=True)
        return torch.cat([self.get_submodule(name)(values.flatten(1)) for name, values in pairs], 1)

    def _means(self, maps: Tensor) -> Tensor:
        """Means (batch, window, map) of maps (batch, map, y, x)."""
        height, width = maps.shape[-2:]
        return pooled(by_place(maps), self.pool_on((height, width), maps)).transpose(0, 1)


def network(
    size: tuple[int, int],
    *,
    energies: bool = True,
    scaling: float | None = None,
    fixation: Sequence[float] | None = None,
    fovea: float | None = None,
) -> FoveatedSpectral:
    """What is pooled of images of this size. There are no weights.

    Raises:
        InputError: a setting is not a number, or the fixation not two.
    """
    return FoveatedSpectral(size, energies=energies, **read_settings(scaling, fixation, fovea))
