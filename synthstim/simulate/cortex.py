"""The simulated animal's visual cortex: early stages of SqueezeNet, normalised and pooled by sites, and saturating."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synthstim.encoding.fitted import Standardised
from synthstim.encoding.readouts import gaussian_mask, read_maps

# Share of the features' own size at which divisive normalisation begins to hold (Heeger 1992).
SEMISATURATION = 0.5


class Population(nn.Module):
    """Sites that read one stage: divisive normalisation over channels, then channel weights under a Gaussian field.

    Args:
        scale: (channel,) spread of the stage's features over natural images.
        weight: (site, channel).
        centre, width: (site, 2) and (site,) of the receptive fields, from -1 to 1 across the image.
        grid: (y, x) of the stage.
    """

    scale: Tensor
    weight: Tensor
    mask: Tensor

    def __init__(self, scale: Tensor, weight: Tensor, centre: Tensor, width: Tensor, grid: tuple[int, int]) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("weight", weight)
        self.register_buffer("mask", gaussian_mask(centre, width, grid))

    def forward(self, features: Tensor) -> Tensor:
        """(batch, channel, y, x) -> (batch, site)."""
        scaled = features / self.scale.view(-1, 1, 1)
        strength = scaled.square().mean(1, keepdim=True).sqrt()
        return read_maps((scaled / (SEMISATURATION + strength)).flatten(2), self.mask, self.weight)


class Saturation(nn.Module):
    """Expected spike counts: a baseline and a Naka-Rushton function of the rectified drive.

    Args:
        base, top: (site,) counts without drive, and what drive can add.
        middle, exponent: (site,) drive of half the effect, and steepness.
    """

    base: Tensor
    top: Tensor
    middle: Tensor
    exponent: Tensor

    def __init__(self, base: Tensor, top: Tensor, middle: Tensor, exponent: Tensor) -> None:
        super().__init__()
        for name, value in (("base", base), ("top", top), ("middle", middle), ("exponent", exponent)):
            self.register_buffer(name, value)

    def forward(self, drive: Tensor) -> Tensor:
        """Drive (batch, site) in standard deviations over natural images -> counts (batch, site)."""
        # x^n / (x^n + m^n), from logarithms: steep powers would leave single precision.
        return self.base + self.top * torch.sigmoid(self.exponent * (rectified(drive).log() - self.middle.log()))


def rectified(drive: Tensor) -> Tensor:
    """Drive, softly rectified, so that what lies below the mean still tells images apart."""
    return nn.functional.softplus(drive + 1.0)


class Cortex(nn.Module):
    """Images to expected spike counts; the layers are ``drive`` and ``sites``.

    Args:
        stages: parts of the network, run one after the other; a population of all sites reads each.
        populations: one a stage.
        parts: brings what each population reads to standard deviations over natural images.
        drive: brings the sum to standard deviations over natural images.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        populations: Sequence[Population],
        parts: Sequence[Standardised],
        shares: Sequence[float],
        drive: Standardised,
        sites: Saturation,
    ) -> None:
        super().__init__()
        self.stages, self.populations = nn.ModuleList(stages), nn.ModuleList(populations)
        self.parts, self.shares = nn.ModuleList(parts), tuple(shares)
        self.drive, self.sites = drive, sites

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, channel, y, x), as the network takes it -> (batch, site) counts."""
        return self.sites(self.drive(self.mixed(inputs)))

    def mixed(self, inputs: Tensor) -> Tensor:
        """What the sites read from all stages together, (batch, site)."""
        total: Tensor | float = 0.0
        for stage, population, part, share in zip(self.stages, self.populations, self.parts, self.shares, strict=True):
            inputs = stage(inputs)
            total = total + share * part(population(inputs))
        assert isinstance(total, Tensor)
        return total
