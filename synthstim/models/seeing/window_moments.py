"""Moments of an image in each of its windows, and the statistics that are made of them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from synthstim.models.seeing.band_moments import BandMoments
from synthstim.models.seeing.marginals import LowMoments, PixelMoments

MAGNITUDE_MEAN = "magnitude_mean"
# Root mean square of the high-passed image that nobody sees: a quarter of a level of eight bits.
UNSEEN = 1 / 1024
Pairs = tuple[Tensor, ...]


class WindowMoments(NamedTuple):
    """Moments of every window, (window x batch, ...) each.

    Attributes:
        pixels: of the image itself.
        high: mean squares of the high-passed image, (window x batch, channel).
        low: of the low-passed images, by scale.
        bands: of the bands, by scale.
        means: mean magnitudes of the bands, by scale.
    """

    pixels: PixelMoments
    high: Tensor
    low: list[LowMoments]
    bands: list[BandMoments]
    means: list[Tensor]

    def values(self, pairs: Pairs, colours: Pairs, unlike: Pairs) -> dict[str, Tensor]:
        """The statistics by class, as covariances and central moments; what is alike by symmetry once."""
        pixels, low, bands = self.pixels, self.low, self.bands
        own = self.means[0].shape[1]
        magnitudes = [band.magnitudes for band in bands]
        found = {
            "pixels": torch.stack([pixels.mean, pixels.variance, pixels.third, pixels.fourth], 2),
            "skewness": torch.stack([image.third for image in low], 2),
            "kurtosis": torch.stack([image.fourth for image in low], 2),
            "deviation": torch.stack([image.autocorrelation[..., 0] for image in low], 2),
            "autocorrelation": torch.cat([image.autocorrelation[..., 1:] for image in low], 2),
            "magnitude_deviation": torch.stack([band.autocorrelation[..., 0] for band in bands], 2),
            "magnitude_autocorrelation": torch.cat([band.autocorrelation[..., 1:] for band in bands], 2),
            "orientation_correlation": torch.stack([each[:, pairs[0], pairs[1]] for each in magnitudes], 1),
            "scale_correlation": torch.stack([each[:, :own, own:] for each in magnitudes[:-1]], 1),
            "phase_correlation": torch.stack([band.waves[:, :own, own:] for band in bands[:-1]], 1),
            # As a root mean square: squares near 0 hardly move, and photographs have little there.
            "highpass_variance": (self.high + UNSEEN**2).sqrt(),
            MAGNITUDE_MEAN: torch.stack(self.means, 1),
        }
        if colours[0].numel():
            between = [image.products[:, colours[0], colours[1]] for image in low]
            found["colour_correlation"] = torch.cat(
                [*between, *(band.waves[:, unlike[0], unlike[1]] for band in bands)], 1
            )
        return found
