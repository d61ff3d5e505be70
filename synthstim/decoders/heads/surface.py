"""Colours of heads: skin, hair, lips, brows, eyes and smooth variation over the face, as fields on the mesh.

Reflectances are sigmoids of a sum of fields, so that each stays between black and white whatever the latents.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synthstim.decoders.heads.targets import FloatArray, Mesh

# Mean reflectances of red, green and blue; then a step of each latent, on their logits.
SKIN, HAIR, LIP, BROW, WHITE, IRIS, PUPIL = (
    (0.62, 0.44, 0.35), (0.16, 0.11, 0.08), (0.52, 0.27, 0.25), (0.16, 0.11, 0.08), (0.82, 0.80, 0.78), (0.30, 0.28, 0.24), (0.03, 0.03, 0.03),
)  # fmt: skip
NAMES = (
    "skin_lightness", "skin_redness", "hair_lightness", "hair_redness", "hairline", "lips", "brows", "irises",
    "beard", "cheeks", "lids", "nose", "smooth_1", "smooth_2", "smooth_3", "smooth_4",
)  # fmt: skip
# Of the mean shape, in decimetres: the head lies above it.
HEAD = 6.2
LIGHTER, REDDER = np.array([0.5, 0.6, 0.65]), np.array([0.18, -0.1, -0.12])
# How smooth fields vary: cycles over the face upwards, and from its middle to a side.
WAVES = ((0.5, 0.0), (0.0, 0.75), (0.75, 0.5), (1.0, 0.0))


def logits_and_steps(mesh: Mesh, shape: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean logits of reflectance (vertex, colour), and their change by a unit of each latent (latent, vertex, colour)."""
    parts = _parts(mesh, shape)
    skin = 1 - np.max([parts[name] for name in ("hair", "lips", "brows", "white", "iris", "pupil")], axis=0)
    mean = sum(_logit(colour)[None] * weight[:, None] for colour, weight in zip(
        (SKIN, HAIR, LIP, BROW, WHITE, IRIS, PUPIL),
        (skin, parts["hair"], parts["lips"], parts["brows"], parts["white"], parts["iris"], parts["pupil"]), strict=True,
    )) / (skin + sum(parts[name] for name in ("hair", "lips", "brows", "white", "iris", "pupil")))[:, None]  # fmt: skip
    flesh = skin + parts["lips"]
    smooth = [skin[:, None] * wave[:, None] * (0.2 * LIGHTER + 0.5 * REDDER * tint)[None] for wave, tint in zip(_waves(shape), (0, 0.8, -0.8, 0.8), strict=True)]  # fmt: skip
    hairy = parts["hair"] + parts["brows"]
    steps = [
        _of(flesh, 0.9 * LIGHTER), _of(flesh, 0.6 * REDDER),
        _of(hairy, 1.6 * LIGHTER), _of(hairy, 1.5 * REDDER),
        (parts["higher"] * 1.0)[:, None] * (_logit(HAIR) - _logit(SKIN))[None] * 0.5,
        _of(parts["lips"], 1.5 * REDDER - 0.3 * LIGHTER), _of(parts["around_brows"], -1.6 * LIGHTER), _of(parts["iris"], np.array([0.2, 0.7, 1.2])),
        _of(parts["beard"] * skin, -0.7 * LIGHTER), _of(parts["cheeks"] * skin, 1.0 * REDDER), _of(parts["lids"] * skin, -0.8 * LIGHTER), _of(parts["nose"] * skin, 0.8 * REDDER - 0.3 * LIGHTER),
        *smooth,
    ]  # fmt: skip
    return np.asarray(mean), np.stack(steps)


def _parts(mesh: Mesh, shape: FloatArray) -> dict[str, FloatArray]:
    """How much each vertex (vertex,) belongs to each part, 0 to 1."""
    x, y, z = shape.T
    skin = ~mesh.eyes
    middle, half = _box(shape[skin & (y > HEAD)])
    right, up, front = (x / half[0], (y - middle[1]) / half[1], (z - middle[2]) / half[2])
    parts = {}
    eye, radius = _box(shape[mesh.eyes & (x > 0)])
    # In radii of an eyeball from its middle: brows arch over it.
    out, over = (np.abs(x) - eye[0]) / radius[0], (y - eye[1]) / radius[1]
    arch = _rise((1.8 - out) / 0.15) * _rise((out + 1.25) / 0.12) * (z > eye[2]) * skin
    parts["around_brows"] = arch * np.exp(-(((over - 1.45 + 0.12 * out**2) / 0.55) ** 2))
    parts["brows"] = arch * np.exp(-(((over - 1.45 + 0.12 * out**2) / 0.22) ** 2))
    ears = mesh.mask("ears")
    above = up - 0.62 + 1.15 * np.clip(0.35 - front, 0, None) * 0.9
    parts["hair"] = skin * _rise(above / 0.09) * (1 - ears) * (up > -0.6)
    parts["higher"] = skin * np.exp(-((above / 0.16) ** 2)) * (1 - ears) * (up > -0.3)
    parts["lips"] = mesh.mask("lips") * (1 - mesh.mask("inside-mouth"))
    parts["lids"] = mesh.mask("eyelids")
    face = mesh.mask("face") * skin
    parts["beard"] = skin * _rise((-0.30 - up) / 0.08) * _rise((front - 0.0) / 0.15) * (up > -1.15)
    parts["cheeks"] = face * np.exp(-(((np.abs(right) - 0.5) / 0.2) ** 2) - ((up + 0.12) / 0.22) ** 2)
    parts["nose"] = face * np.exp(-((right / 0.2) ** 2) - ((up + 0.05) / 0.15) ** 2)
    for name in ("white", "iris", "pupil"):
        parts[name] = np.zeros(len(shape))
    for side in (-1, 1):
        eye = mesh.eyes & (np.sign(x) == side)
        centre, size = _box(shape[eye])
        off = np.linalg.norm((shape[eye] - centre)[:, :2], axis=1) / size[:2].mean()
        forwards = shape[eye][:, 2] > centre[2]
        parts["iris"][eye] = forwards * _rise((0.52 - off) / 0.05)
        parts["pupil"][eye] = forwards * _rise((0.2 - off) / 0.03)
        parts["iris"][eye] *= 1 - parts["pupil"][eye]
        parts["white"][eye] = 1 - parts["iris"][eye] - parts["pupil"][eye]
    return parts


def _waves(shape: FloatArray) -> Sequence[FloatArray]:
    middle, half = _box(shape[shape[:, 1] > HEAD])
    across, up = np.abs(shape[:, 0]) / half[0], (shape[:, 1] - middle[1]) / half[1]
    return [np.cos(2 * np.pi * (high * up / 2 + 0.125)) * np.cos(2 * np.pi * wide * across) for high, wide in WAVES]


def _box(points: FloatArray) -> tuple[FloatArray, FloatArray]:
    low, high = points.min(0), points.max(0)
    return (low + high) / 2, (high - low) / 2


def _of(weight: FloatArray, step: FloatArray) -> FloatArray:
    return np.asarray(weight[:, None] * step[None])


def _rise(off: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(off, -40, 40))))


def _logit(share: Sequence[float]) -> FloatArray:
    return np.log(np.array(share) / (1 - np.array(share)))
