"""A decoder: four normal latents and a place on the screen, to two blobs in front of grey."""

import torch
from torch import nn

from synthstim.decoders import LatentGroup, NetworkDecoder


class Blobs(nn.Module):
    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        y, x = (torch.linspace(-1, 1, side).to(latents) for side in self.shape[1:])
        first, second, wide, high, across, down = latents[..., None, None].unbind(1)
        off = [(x - across) ** 2 + (y[:, None] - down) ** 2, (x + wide) ** 2 + (y[:, None] + high) ** 2]
        image = torch.sigmoid(first * torch.exp(-8 * off[0]) + second * torch.exp(-8 * off[1]))
        return image[:, None].expand(-1, *self.shape)


def blobs(shape: tuple[int, ...]) -> NetworkDecoder:
    groups = (LatentGroup.numbered("z", 4), LatentGroup("place", ("across", "down"), "uniform", scale=0.8))
    return NetworkDecoder(Blobs(shape), groups, shape)
