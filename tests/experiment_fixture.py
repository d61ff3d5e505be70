"""A small set of real photographs, odd and even in size, grey and colour, and a small rig, for the tests of experiments."""

from __future__ import annotations

import os
import select
from pathlib import Path

import skimage.data

from synthstim.modalities.image import FloatImage, resize
from synthstim.stimulus_set import SetWriter

SIZES = {"chelsea": (97, 128), "coffee": (128, 97), "camera": (64, 64), "coins": (75, 81)}

RIG = """\
monitor: {width_cm: 30, distance_cm: 57, width_px: 480, height_px: 360, refresh_hz: 60}
photodiode: {corner: bottom_left, size_px: 41}
"""


def photograph(name: str, size: tuple[int, int]) -> FloatImage:
    values = getattr(skimage.data, name)().astype("float32") / 255
    return resize(values[None] if values.ndim == 2 else values.transpose(2, 0, 1), size)


def make_set(root: Path, *, ids: tuple[str, ...] = tuple(SIZES), bits: int = 8) -> Path:
    """Write a set whose stimuli are the photographs of SIZES under the given ids."""
    writer = SetWriter(root)
    for stimulus_id, (name, size) in zip(ids, SIZES.items(), strict=False):
        image = photograph(name, size)
        reference, digest = writer.add_reference(photograph("rocket", (64, 64)), "rocket")
        status = "failed" if name == "coins" else "passed"
        writer.add(
            stimulus_id, image, bits=bits, kind="metamer", name=name, reference=reference, reference_sha256=digest, status=status
        )  # fmt: skip
    return writer.commit({"versions": {"synthstim": "0.1.0"}})


def write_rig(folder: Path, text: str = RIG) -> Path:
    path = folder / "rig.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def read_bytes(descriptor: int, count: int) -> bytes:
    """Read so many bytes, which may come in pieces; fewer if nothing comes for five seconds."""
    received = b""
    while len(received) < count and select.select([descriptor], [], [], 5)[0]:
        received += os.read(descriptor, count - len(received))
    return received
