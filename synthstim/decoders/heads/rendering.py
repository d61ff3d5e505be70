"""Triangles in front of a background as images, by deodr: differentiable, along the edges of what hides other things too.

De La Gorce, Fleet & Paragios 2011 (doi:10.1109/TPAMI.2011.9): edges are drawn over by strips that blend what lies before
them with what lies behind, so that the image changes smoothly as an edge moves.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synthstim.errors import InputError

# Half the width of a blending strip, in pixels.
STRIP = 1.0


class Renderer:
    """Draws one set of triangles, wherever its vertices are.

    Args:
        triangles: (triangle, 3) numbers of vertices, counter-clockwise from outside.
        size: (height, width) in pixels.
        background: of each colour, 0 to 1.

    Raises:
        InputError: deodr is not installed.
    """

    def __init__(self, triangles: NDArray[np.int64], size: tuple[int, int], background: tuple[float, ...]) -> None:
        try:
            from deodr import differentiable_renderer, differentiable_renderer_cython
        except Exception as error:  # a package that is not whole may fail in any way
            raise InputError(f"the head is drawn by the package deodr, which cannot be imported ({error})", "pip install 'synthstim[faces]'", code="not-installed") from None  # fmt: skip
        self.forwards, self.backwards = (
            differentiable_renderer_cython.renderSceneCpp,
            differentiable_renderer_cython.renderSceneBCpp,
        )
        self.scene_of, self.size = differentiable_renderer.Scene2D, size
        self.triangles, self.background = triangles.astype(np.uint32), np.array(background)
        self.edges = _edges(triangles)

    def __call__(self, places: Tensor, depths: Tensor, colours: Tensor) -> Tensor:
        """Images (batch, colour, y, x).

        Args:
            places: (batch, vertex, 2) pixels from the left and from the top; (0, 0) is the middle of the first.
            depths: (batch, vertex) from the viewer, positive.
            colours: (batch, vertex, colour) 0 to 1.
        """
        made: Tensor = _Drawn.apply(places, colours, depths.detach(), self)
        return made

    def scene(self, places: NDArray[Any], depths: NDArray[Any], colours: NDArray[Any]) -> Any:
        """What deodr draws of one image."""
        count, none = len(self.triangles), np.zeros(len(depths))
        return self.scene_of(
            self.triangles, np.zeros_like(self.triangles), places, depths, np.zeros(count, bool), np.zeros((1, 2)), none, colours,
            np.zeros(count, bool), self._outlines(places), *self.size, colours.shape[1], np.zeros((0, 0, colours.shape[1])),
            background_color=self.background[: colours.shape[1]], clockwise=False, backface_culling=True, strict_edge=True,
        )  # fmt: skip

    def _outlines(self, places: NDArray[Any]) -> NDArray[np.bool_]:
        """(triangle, edge) where what faces the viewer ends."""
        one, two, three = (places[self.triangles[:, corner]] for corner in range(3))
        u, v = two - one, three - one
        seen = (u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) < 0
        counts = np.bincount(self.edges.ravel(), np.repeat(seen, 3), minlength=self.edges.max() + 1)
        return np.asarray(counts[self.edges] == 1)


class _Drawn(torch.autograd.Function):
    """The images, and how they change with places and colours."""

    @staticmethod
    def forward(ctx: Any, places: Tensor, colours: Tensor, depths: Tensor, renderer: Renderer) -> Tensor:
        ctx.scenes, ctx.renderer, images = [], renderer, []
        for each in zip(*(part.detach().cpu().double().numpy() for part in (places, depths, colours)), strict=True):
            scene = renderer.scene(*each)
            image, far = np.empty((*renderer.size, colours.shape[2])), np.empty(renderer.size)
            renderer.forwards(scene, STRIP, image, far)
            ctx.scenes.append((scene, image, far))
            images.append(torch.from_numpy(image.transpose(2, 0, 1).copy()))
        return torch.stack(images).to(colours.dtype).to(colours.device)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Any:
        places, colours = [], []
        for (scene, image, far), each in zip(ctx.scenes, slope.detach().cpu().double().numpy(), strict=True):
            scene.clear_gradients()
            # The image is undrawn on the way back.
            ctx.renderer.backwards(
                scene, STRIP, image.copy(), far.copy(), np.ascontiguousarray(each.transpose(1, 2, 0))
            )
            places.append(torch.from_numpy(scene.ij_b))
            colours.append(torch.from_numpy(scene.colors_b))
        return *(torch.stack(part).to(slope.dtype).to(slope.device) for part in (places, colours)), None, None


def _edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """(triangle, 3) numbers of edges, each of which two triangles have at most."""
    ends = np.stack([triangles, np.roll(triangles, -1, 1)], -1)
    ends.sort(-1)
    _, numbers = np.unique(ends.reshape(-1, 2), axis=0, return_inverse=True)
    return np.asarray(numbers.reshape(triangles.shape))
