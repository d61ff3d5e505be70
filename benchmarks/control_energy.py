"""A second kind of animal, no convolutional network: local energy, surround normalisation, and curvature as products of energies."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from synthstim.models import ImageInput, Observer

ORIENTATIONS = 8
# Of the Gabor filters, in pixels, and the pixels that are averaged before them.
PERIODS, AVERAGED = (5.0, 9.0, 16.0), (1, 2, 4)
# Cells of pixels in which energy is averaged, and the reach of the surround in cells.
CELL, SURROUND = 4, 4
# Along a curve: how far in cells to where it has turned, by one step of orientation.
REACH = 2
LUMINANCE = (0.2126, 0.7152, 0.0722)


def energy_network(size: tuple[int, int]) -> Observer:
    """Images to energies after five parts, and to curvature after eight: as simulated_animal reads a network."""
    identity = [nn.Identity() for _ in range(2)]
    features = nn.Sequential(Grey(), Energy(), Surround(), *identity, Curvature(), *(nn.Identity() for _ in range(2)))
    module = nn.Module()
    module.features = features
    module.forward = features.forward  # type: ignore[method-assign]
    return Observer(module, input=ImageInput(size=size), name="energy", weights="by formula", decision=None)


class Grey(nn.Module):
    """Luminance about its mean."""

    def forward(self, images: Tensor) -> Tensor:
        """(batch, 3, y, x) -> (batch, 1, y, x)."""
        grey = (images * torch.tensor(LUMINANCE).to(images).view(1, 3, 1, 1)).sum(1, keepdim=True)
        return grey - grey.mean((2, 3), keepdim=True)


class Energy(nn.Module):
    """Quadrature energy of Gabor filters (Adelson & Bergen 1985), averaged in cells."""

    def __init__(self) -> None:
        super().__init__()
        for number, (period, averaged) in enumerate(zip(PERIODS, AVERAGED, strict=True)):
            self.register_buffer(f"bank_{number}", _bank(period / averaged))

    def forward(self, grey: Tensor) -> Tensor:
        """(batch, 1, y, x) -> (batch, period x orientation, y, x) in cells."""
        parts = []
        for number, averaged in enumerate(AVERAGED):
            bank = self.get_buffer(f"bank_{number}").to(grey)
            found = nn.functional.conv2d(nn.functional.avg_pool2d(grey, averaged), bank, padding=bank.shape[-1] // 2)
            even, odd = found.chunk(2, 1)
            parts.append(nn.functional.avg_pool2d((even**2 + odd**2 + 1e-8).sqrt(), CELL // averaged))
        return torch.cat(parts, 1)


class Surround(nn.Module):
    """Energy over that of all orientations and periods around (Heeger 1992): a surround suppresses."""

    def forward(self, energy: Tensor) -> Tensor:
        """(batch, channel, y, x), as it came."""
        width = 2 * SURROUND + 1
        around = nn.functional.avg_pool2d(energy.mean(1, keepdim=True), width, 1, SURROUND, count_include_pad=False)
        return energy / (0.02 + around)


class Curvature(nn.Module):
    """Where a contour turns: energy of one orientation times those of turned ones before and behind, of either sign."""

    def forward(self, energy: Tensor) -> Tensor:
        """(batch, period x orientation, y, x) -> (batch, period x orientation x sign, y, x)."""
        by_orientation = energy.unflatten(1, (len(PERIODS), ORIENTATIONS))
        parts = []
        for number in range(ORIENTATIONS):
            angle = math.pi * number / ORIENTATIONS
            # Along the bars of this orientation.
            step = (round(REACH * math.cos(angle)), round(REACH * -math.sin(angle)))
            here = by_orientation[:, :, number]
            for sign in (1, -1):
                before = _moved(by_orientation[:, :, (number + sign) % ORIENTATIONS], step)
                behind = _moved(by_orientation[:, :, (number - sign) % ORIENTATIONS], (-step[0], -step[1]))
                parts.append((here * before * behind + 1e-8) ** (1 / 3))
        return torch.cat(parts, 1)


def _moved(maps: Tensor, step: tuple[int, int]) -> Tensor:
    return torch.roll(maps, step, (2, 3))


def _bank(period: float) -> Tensor:
    """(even and odd x orientation, 1, y, x) Gabor filters of unit norm and no mean; the bars run along the orientation's angle."""
    reach = math.ceil(period)
    along = torch.arange(-reach, reach + 1.0)
    y, x = torch.meshgrid(along, along, indexing="ij")
    envelope = torch.exp(-(x**2 + y**2) / (2 * (0.45 * period) ** 2))
    filters = []
    for phase in (0.0, math.pi / 2):
        for number in range(ORIENTATIONS):
            angle = math.pi * number / ORIENTATIONS
            across = x * math.cos(angle) + y * math.sin(angle)
            made = envelope * torch.cos(2 * math.pi * across / period + phase)
            made = made - envelope * made.sum() / envelope.sum()
            filters.append(made / made.norm())
    return torch.stack(filters)[:, None]
