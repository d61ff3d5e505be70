"""Complex cells of V1: energies of oriented bands (Adelson & Bergen 1985), divided by what their neighbours do (Heeger 1992).

A quadrature pair of filters of one orientation and one octave, squared and summed, answers a grating wherever its bars lie.
The filters are the analytic bands of the steerable pyramid, so that all orientations and octaves are tiled evenly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synthstim.errors import InputError
from synthstim.models.seeing.sizes import require_side
from synthstim.models.seeing.steerable import SteerablePyramid, low_frequencies, neighbourhood, unit_bands

SIZE = (128, 128)
SMALLEST = 32
SETTINGS = ("semi_saturation",)
SCALES, ORIENTATIONS = 4, 6
# Standard deviation of the neighbourhood, in wavelengths of a band.
NEIGHBOURHOOD = 1.0


class V1Energy(nn.Module):
    """Images (batch, 1, y, x), display values -> energies, scale by scale from the finest, raw and then normalised.

    ``complex_0`` ... ``complex_3`` (orientation, y, x) are energies: of a grating at the band's own frequency and orientation
    the square of its amplitude. Each scale is sampled on half the grid of the one before. ``normalised_0`` ... divide them by the
    square of the semi-saturation and the mean energy of all orientations around: values saturate with contrast, for a
    grating alone at 4, and a mask across lowers them. Orientation 0 prefers horizontal
    frequency, that is vertical bars, and they go on in steps of 30 degrees. The ends of an image are joined.

    Args:
        size: (height, width) of the images, from 32 pixels.
        semi_saturation: amplitude, in display values, at which division begins to matter.

    Raises:
        InputError: the images are too small, or the semi-saturation is not above 0.

    Example:
        >>> V1Energy((64, 64))(torch.rand(2, 1, 64, 64)).shape
        torch.Size([2, 65280])
    """

    channels = 1

    def __init__(self, size: tuple[int, int], *, semi_saturation: float = 0.05) -> None:
        super().__init__()
        require_side(size, SMALLEST, shown="images", what="V1 energies")
        if not (isinstance(semi_saturation, (int, float)) and 0 < semi_saturation <= 1):
            raise InputError(f"semi_saturation {semi_saturation!r} given; expected more than 0, at most 1")
        self.semi_saturation = float(semi_saturation)
        self.pyramid = SteerablePyramid(size, SCALES, ORIENTATIONS)
        self.groups = {kind: tuple(f"{kind}_{scale}" for scale in range(SCALES)) for kind in ("complex", "normalised")}
        self.statistics = tuple(name for names in self.groups.values() for name in names)
        for name in self.statistics:
            self.add_module(name, nn.Identity())
        for scale in range(SCALES):
            self.register_buffer(f"bands_{scale}", unit_bands(self.pyramid, scale).float(), persistent=False)
            around = neighbourhood(self.pyramid, scale, NEIGHBOURHOOD)
            self.register_buffer(f"around_{scale}", around.float(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """All energies side by side, in the order of ``statistics``."""
        spectrum = torch.fft.fft2(images)
        found: dict[str, Tensor] = {}
        for scale in range(SCALES):
            spectrum = low_frequencies(spectrum, self.pyramid.grid(scale))
            bands = torch.view_as_complex(getattr(self, f"bands_{scale}"))
            band = torch.fft.ifft2(spectrum * bands)
            energy = band.real.square() + band.imag.square()
            around = torch.fft.ifft2(
                torch.fft.fft2(energy.mean(1, keepdim=True)) * getattr(self, f"around_{scale}")
            ).real
            found[f"complex_{scale}"] = energy
            found[f"normalised_{scale}"] = energy / (self.semi_saturation**2 + around)
        return torch.cat([self.get_submodule(name)(found[name]).flatten(1) for name in self.statistics], 1)


def network(size: tuple[int, int], *, semi_saturation: float = 0.05) -> V1Energy:
    """The cells of images of this size. They have no weights."""
    return V1Energy(size, semi_saturation=semi_saturation)
