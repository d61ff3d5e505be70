"""A small network that infers what a picture of a head was drawn from: inverse graphics after Yildirim et al. 2020, trained here.

Yildirim et al. 2020 (doi:10.1126/sciadv.aax5979) trained a network to invert a graphics engine of faces, and compared its
last stages with areas of the macaque's face system. This one inverts ``synthstim.decoders.head``: from 64 pixels a side to
the latents of shape, albedo, pose and light. ``synthstim train faces`` trained it; ``docs/faces_model_card.md`` says how well
it does.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from synthstim.modalities.image.input import ImageInput
from synthstim.models.weights import load_into, read_weights

SIZE = (64, 64)
WIDTHS = (32, 48, 64, 128)
HIDDEN = 512
# Latents of each group, in the decoder's order; each in standard deviations of its prior, from its middle.
GROUPS = {"shape": 30, "albedo": 16, "pose": 2, "light": 2}
WEIGHTS = Path(__file__).with_suffix(".safetensors")


def image_input() -> ImageInput:
    """The images that the network takes."""
    return ImageInput(size=SIZE, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def embedded_network() -> nn.Module:
    """The network with the weights that the package carries."""
    made = Faces()
    load_into(made, read_weights(WEIGHTS), WEIGHTS.name)
    return made


def bare_network() -> nn.Module:
    """The same architecture with random weights."""
    return Faces()


class Faces(nn.Module):
    """Images (batch, 3, 64, 64) -> latents (batch, 50), by four convolutions and two full layers.

    ``f3`` is the last convolution, ``f4`` a full layer, ``f5`` the latents of who it is, shape and albedo: the names and
    the places of the published network's last three stages. ``f4`` is given what each row of ``f3`` holds, wherever between left and
    right; a rectifier follows it. ``scene``, the latents of pose and light, is read from ``f3``.

    Example:
        >>> Faces().eval()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 50])
    """

    def __init__(self) -> None:
        super().__init__()
        stages, given = [], 3
        for number, width in enumerate(WIDTHS):
            kernel = 5 if number == 0 else 3
            convolution = nn.Conv2d(given, width, kernel, stride=2, padding=kernel // 2, bias=False)
            stages.append(nn.Sequential(convolution, nn.BatchNorm2d(width), nn.ReLU()))
            given = width
        self.f0, self.f1, self.f2, self.f3 = stages
        rows, columns = (side >> len(WIDTHS) for side in SIZE)
        self.f4 = nn.Sequential(_Rows(), nn.Linear(2 * given * rows, HIDDEN))
        self.f5 = nn.Sequential(nn.ReLU(), nn.Linear(HIDDEN, GROUPS["shape"] + GROUPS["albedo"]))
        self.scene = nn.Sequential(nn.Flatten(), nn.Linear(given * rows * columns, GROUPS["pose"] + GROUPS["light"]))

    def forward(self, images: Tensor) -> Tensor:
        """Images -> latents, those of identity first."""
        seen = self.f3(self.f2(self.f1(self.f0(images))))
        return torch.cat([self.f5(self.f4(seen)), self.scene(seen)], 1)


class _Rows(nn.Module):
    """(batch, channel, y, x) -> the mean and the largest of each row of each channel, (batch, 2 channel y)."""

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([maps.mean(3), maps.amax(3)], 1).flatten(1)
