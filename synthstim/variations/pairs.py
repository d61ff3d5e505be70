"""Pairs of images of a decoder that are equally far apart in pixels, and near or far in latents: what a same-or-different test is made of."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor

from synthstim.decoders import decode
from synthstim.errors import InputError
from synthstim.parametrise import Decoded
from synthstim.stimulus_set import SetWriter, StimulusSet

# Of the distance that is asked for: how close pairs come to it, and the smallest that files of 256 levels hold so well.
CLOSE, LEAST = 0.01, 0.01
# Halvings of all ways, and further ones of so many of the shortest and of the longest.
COARSE, FINE, CANDIDATES = 4, 10, 6
LABELS = {
    "apart": ("text", "near: the least change of latents that is so far in pixels; far: the largest", ""),
    "latent_distance": ("number", "Distance of the latents from the reference's", "standard deviations of the prior"),
}


@dataclass(frozen=True)
class Neighbour:
    """An image at a distance from a reference.

    Attributes:
        latents: (latent,) in standard deviations of their priors.
        distance: of the latents from the reference's.
        image: (channel, y, x) display values.
    """

    latents: Tensor = field(repr=False)
    distance: float
    image: Tensor = field(repr=False)


def equally_far(
    decoded: Decoded, latents: Tensor, distance: float, generator: torch.Generator, *, directions: int = 32
) -> tuple[Neighbour, Neighbour]:
    """Two images as far from one in pixels, one of which is as near to it in latents as there is, the other as far.

    Latents are moved from the reference's along each of their own axes, both ways, and in random directions, until the image is as far
    away as is asked for or the prior ends.

    Args:
        decoded: the decoder; latents that it holds are the same in all three.
        latents: (latent,) of the reference, in standard deviations.
        distance: |image - reference| / |reference| in display values.

    Raises:
        InputError: fewer than two directions lead so far within the prior.

    Example:
        >>> decoded = Decoded(open_decoder("head", (3, 32, 32)), hold={"pose": 0, "light": [0, 20]})
        >>> reference = decoded.draw(torch.Generator().manual_seed(1))
        >>> near, far = equally_far(decoded, reference, 0.05, torch.Generator().manual_seed(2))
        >>> near.distance < far.distance
        True
    """
    moved = decoded.free.nonzero()[:, 0]
    axes = torch.eye(len(latents), dtype=torch.float64)[moved]
    drawn = torch.randn(directions, len(latents), generator=generator, dtype=torch.float64) * decoded.free
    ways = torch.cat([axes, -axes, drawn / drawn.norm(dim=1, keepdim=True)])
    shown = _images(decoded, latents[None])[0]
    length = _reached(decoded, latents, ways)
    if len(ways := ways[away := _off(decoded, latents + length[:, None] * ways, shown) >= distance]) < 2:
        raise InputError(
            f"no two changes of latents within the prior lead {distance:g} away in pixels", "ask for a smaller distance", code="unattainable"
        )  # fmt: skip
    low, high = _halved(decoded, latents, ways, shown, distance, torch.zeros(len(ways)).double(), length[away], COARSE)
    # The shortest and the longest ways alone are followed further.
    ends = torch.cat([high.argsort()[:CANDIDATES], high.argsort()[-CANDIDATES:]]).unique()
    ways, low, high = ways[ends], low[ends], high[ends]
    _, high = _halved(decoded, latents, ways, shown, distance, low, high, FINE)
    found = latents + high[:, None] * ways
    # Where an image jumps, no change of latents leads just so far.
    close = ((_off(decoded, found, shown) - distance).abs() <= CLOSE * distance).nonzero()[:, 0]
    if len(close) < 2:
        raise InputError(
            f"no two changes of latents lead just {distance:g} away in pixels", "ask for another distance", code="unattainable"
        )  # fmt: skip
    near, far = (
        _neighbour(decoded, found[one], float(high[one]))
        for one in (close[high[close].argmin()], close[high[close].argmax()])
    )
    return near, far


def make_pairs(
    decoded: Decoded, out: str | Path, *, references: int = 8, distances: Sequence[float] = (0.1,), seed: int = 0
) -> StimulusSet:
    """Write a set of images that are equally far from their references in pixels, one near and one far in latents.

    Each reference is a draw from the prior. The columns ``apart``, ``latent_distance`` and ``pixel_distance`` say how far each is from its
    reference, so that a same-or-different test tells which distance people see.

    Args:
        decoded: the decoder; latents that it holds, such as pose and light, are the same throughout.
        out: directory of the set; it must not exist yet.
        references: how many.
        distances: |image - reference| / |reference| in display values, each with two images a reference.
        seed: of the references and of the directions.

    Raises:
        InputError: a distance is too small for files of 256 levels, or too large for the prior.

    Example:
        >>> faces = Decoded(open_decoder("head", (3, 32, 32)), hold={"pose": 0, "light": [0, 20]})
        >>> list(make_pairs(faces, "pairs", references=1).table["apart"])
        ['near', 'far']
    """
    if references < 1 or not distances:
        raise InputError("no reference or no distance given; expected at least one of each", code="too-few")
    if len(set(distances)) < len(distances):
        raise InputError("a distance is given twice; expected each once", "leave one out")
    if not all(map(math.isfinite, distances)):
        raise InputError("a distance that is no number given", "give distances such as 0.1", code="mismatch")
    if min(distances) < LEAST:
        raise InputError(f"a distance of {min(distances):g} given; expected at least {LEAST:g}", "files of 256 levels hold no smaller one well")  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    with SetWriter(out, labels=LABELS) as writer:
        for number in range(references):
            latents = decoded.draw(generator)
            shown = _images(decoded, latents[None])[0].float().numpy()
            kept, digest = writer.add_reference(shown, f"reference_{number:03d}")
            for distance in distances:
                for name, pair in zip(("near", "far"), equally_far(decoded, latents, distance, generator), strict=True):
                    stimulus_id = f"{name}_{number:03d}_{distance:g}".replace(".", "p")
                    path = writer.add(
                        stimulus_id, pair.image.float().numpy(), name=name, kind="control", reference=kept,
                        reference_sha256=digest, apart=name, latent_distance=pair.distance,
                    )  # fmt: skip
                    apart = writer.modality.between(writer.modality.read(path), writer.modality.read(writer.path(kept)))
                    known = {column: value for column, value in apart.items() if column in writer.columns}
                    writer.rows[-1].update(writer.modality.statistics(path) | known)
                    writer.add_latents(stimulus_id, pair.latents.numpy())
        return StimulusSet.read(writer.commit(_facts(decoded, distances, seed)))


def _facts(decoded: Decoded, distances: Sequence[float], seed: int) -> dict[str, object]:
    return {
        "pairs": {"decoder": repr(decoded.decoder), "held": dict(decoded.hold), "within": decoded.within, "distances": list(distances), "seed": seed},
        "versions": {"python": platform.python_version(), "synthstim": version("synthstim")},
    }  # fmt: skip


def _neighbour(decoded: Decoded, latents: Tensor, distance: float) -> Neighbour:
    return Neighbour(latents, distance, _images(decoded, latents[None])[0])


def _halved(
    decoded: Decoded,
    latents: Tensor,
    ways: Tensor,
    shown: Tensor,
    distance: float,
    low: Tensor,
    high: Tensor,
    times: int,
) -> tuple[Tensor, Tensor]:
    """Between which lengths (way,) of each way the image comes to be so far away."""
    for _ in range(times):
        middle = (low + high) / 2
        beyond = _off(decoded, latents + middle[:, None] * ways, shown) >= distance
        low, high = torch.where(beyond, low, middle), torch.where(beyond, middle, high)
    return low, high


def _images(decoded: Decoded, latents: Tensor) -> Tensor:
    with torch.no_grad():
        return decode(decoded.decoder, decoded.in_units(latents)).clamp(0, 1)


def _off(decoded: Decoded, latents: Tensor, shown: Tensor) -> Tensor:
    """How far the images of latents (batch, latent) are from one, (batch,)."""
    parts = [(_images(decoded, part) - shown).flatten(1).norm(dim=1) for part in latents.split(32)]
    return torch.cat(parts).double() / float(shown.norm())


def _reached(decoded: Decoded, latents: Tensor, ways: Tensor) -> Tensor:
    """How far (way,) one can go from latents along each way before the prior ends."""
    low, high = torch.zeros(len(ways), dtype=torch.float64), torch.full((len(ways),), 20.0, dtype=torch.float64)
    for _ in range(30):
        middle = (low + high) / 2
        there = latents + middle[:, None] * ways
        inside = (decoded.project(there.clone()) - there).abs().amax(1) < 1e-9
        low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
    return low
