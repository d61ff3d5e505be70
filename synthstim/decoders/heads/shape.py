"""Shapes of heads: the mean of MakeHuman's adults, and the principal components of what its morph targets can make of it.

Each direction of change, such as a wider nose, is given a standard deviation; the components are those of the normal
distribution of heads that results. Both halves of a head change alike, so that a mirrored view is a view of the same head.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from synthstim.decoders.heads.targets import FloatArray, Mesh

RACES, SEXES, AGES = ("african", "asian", "caucasian"), ("female", "male"), ("young", "old")
FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "cheek", "mouth", "chin", "ears")
# Ends of names that are opposites; what shifts a part of the head to a side is no shape.
OPPOSITES = (
    ("-incr", "-decr"),
    ("-up", "-down"),
    ("-out", "-in"),
    ("-forward", "-backward"),
    ("-convex", "-concave"),
    ("-uncompress", "-compress"),
)
LEFT_OUT = (
    "nose-trans-out",
    "nose-trans-in",
    "mouth-trans-out",
    "mouth-trans-in",
    "head-trans-out",
    "head-trans-in",
    "head-age-",
)
# Standard deviations, in halves of the way between opposites: of the differences between groups of people, of one part.
BETWEEN, WITHIN = 0.7, 0.45
# Heights, in decimetres, between which changes fade in from the shoulders to the chin.
THROAT = (5.7, 6.2)


def mean_and_components(mesh: Mesh, count: int) -> tuple[FloatArray, FloatArray]:
    """The mean head (vertex, 3), and its components (count, vertex, 3), a standard deviation each, the largest first."""
    groups = {key: _group(mesh, *key) for key in product(RACES, SEXES, AGES)}
    mean = np.mean([moved for (_, _, age), moved in groups.items() if age == "young"], axis=0)
    mean = mean + mesh.vertices
    # A person's body has as little to say here as in a portrait: changes fade out down the neck.
    fading = np.clip((mean[:, 1] - THROAT[0]) / (THROAT[1] - THROAT[0]), 0, 1)
    changes = (np.stack([*_between(groups), *_within(mesh)]) * fading[:, None]).reshape(-1, mean.size)
    rigid = (_rigid(mean) * fading[:, None]).reshape(7, -1)
    rigid = np.linalg.qr(rigid.T)[0].T
    changes = changes - changes @ rigid.T @ rigid
    _, _, directions = np.linalg.svd(changes, full_matrices=False)
    spread = changes @ directions[:count].T
    components = directions[:count] * np.linalg.norm(spread, axis=0)[:, None]
    # Of either sign, the one whose largest change is positive.
    largest = np.take_along_axis(components, np.abs(components).argmax(1)[:, None], 1)
    return mean, (components * np.sign(largest)).reshape(count, -1, 3)


def _rigid(vertices: FloatArray) -> FloatArray:
    """(7, vertex, 3) small moves, turns and growth of a whole head, which are no shape."""
    off = vertices - vertices.mean(0)
    axes = np.eye(3)
    moves = [*(np.tile(axis, (len(off), 1)) for axis in axes), *(np.cross(axis, off) for axis in axes), off]
    return np.stack(moves)


def _group(mesh: Mesh, race: str, sex: str, age: str) -> FloatArray:
    build = mesh.target(f"macrodetails/universal-{sex}-{age}-averagemuscle-averageweight")
    return mesh.target(f"macrodetails/{race}-{sex}-{age}") + build


def _between(groups: dict[tuple[str, str, str], FloatArray]) -> Iterator[FloatArray]:
    """Differences of groups of people from the middle of them."""
    for place, names in enumerate((RACES, SEXES, AGES)):
        means = [np.mean([moved for key, moved in groups.items() if key[place] == name], axis=0) for name in names]
        middle = np.mean(means, axis=0)
        # Of two, one is the other's opposite.
        for mean in means[: 1 if len(means) == 2 else len(means)]:
            yield BETWEEN * (mean - middle)


def _within(mesh: Mesh) -> Iterator[FloatArray]:
    for folder in FOLDERS:
        names = mesh.targets(folder)
        for name in names:
            if name.startswith("r-") or any(part in name for part in LEFT_OUT):
                continue
            more = next((pair for pair in OPPOSITES if name.endswith(pair[0])), None)
            less = next((pair for pair in OPPOSITES if name.endswith(pair[1])), None)
            if more is not None:
                yield (
                    WITHIN * (_both(mesh, folder, name) - _both(mesh, folder, name.removesuffix(more[0]) + more[1])) / 2
                )
            elif less is None:
                yield WITHIN * _both(mesh, folder, name) / 3


def _both(mesh: Mesh, folder: str, name: str) -> FloatArray:
    """A target, of one side of the head with that of the other."""
    moved = mesh.target(f"{folder}/{name}")
    return moved + mesh.target(f"{folder}/r-{name.removeprefix('l-')}") if name.startswith("l-") else moved
