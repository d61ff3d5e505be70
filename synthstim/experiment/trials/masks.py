"""Masks made at export: noise, a pattern of patches, or the phase-scrambled stimulus, each as large or as long as what it masks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from synthstim.errors import InputError
from synthstim.experiment.design.material import Candidate
from synthstim.experiment.design.pairs import Pair
from synthstim.experiment.design.schema import MASK, Design
from synthstim.experiment.images.positions import own_places
from synthstim.files import sha256_of
from synthstim.ids import free_id
from synthstim.modalities.image import read_image, write_png
from synthstim.modalities.sound import read_sound, write_wav
from synthstim.stimulus_set import StimulusSet

# How many patches a pattern has along the shorter side of an image.
PATCHES = 8
_MASKED = (".png", ".wav")
Values = NDArray[np.float64]


def add_masks(
    pairs: Sequence[Pair], obvious: Sequence[Pair], design: Design, source: StimulusSet, directory: Path, *, seed: int
) -> tuple[list[Pair], list[Pair], dict[str, Path]]:
    """Make a mask of the stimulus ``a`` of each pair.

    Returns:
        The pairs, each with its mask, and the files of the masks by id.

    Raises:
        InputError: there is no such mask of sounds, or none of these stimuli.
    """
    if design.mask == "none":
        return list(pairs), list(obvious), {}
    if source.modality.presents != "shows" and KINDS[design.mask] is pattern_of:
        raise InputError(f"mask: {design.mask} given for sounds; expected noise or phase_scrambled")
    if source.modality.suffix not in _MASKED:
        raise InputError(
            f"mask: {design.mask} given for {source.modality.plural}; masks are of images and sounds",
            "set mask to none",
        )
    (directory / "stimuli").mkdir(parents=True, exist_ok=True)
    taken = {member.stimulus_id.lower() for pair in (*pairs, *obvious) for member in pair.stimuli.values()}
    made: dict[str, Path] = {}
    masks: dict[str, Candidate] = {}
    for pair in (*pairs, *obvious):
        masked = pair.stimuli["a"]
        if masked.stimulus_id not in masks:
            name = free_id(f"mask_{masked.stimulus_id}", taken)
            path = directory / "stimuli" / (f".{name}" + Path(masked.file).suffix)
            _write(source.path(masked.file), path, design.mask, default_rng([seed, 8, len(masks)]))
            made[name] = path
            masks[masked.stimulus_id] = Candidate(
                name, masked.file, sha256_of(path), MASK, "n/a", masked.reference, own_places(masked.columns)
            )
    with_mask = [
        [
            dataclasses.replace(pair, stimuli={**pair.stimuli, MASK: masks[pair.stimuli["a"].stimulus_id]})
            for pair in group
        ]
        for group in (pairs, obvious)
    ]
    return with_mask[0], with_mask[1], made


def phase_scrambled(values: Values, generator: Generator, *, axes: tuple[int, ...]) -> Values:
    """The same amplitude spectrum with random phases, the same in every channel.

    Args:
        values: (channel, y, x), or (channel, time).
        generator: draws the phases.
        axes: over which the spectrum is taken.

    Example:
        >>> values = np.random.default_rng(0).random((1, 8, 8))
        >>> scrambled = phase_scrambled(values, np.random.default_rng(1), axes=(1, 2))
        >>> bool(np.allclose(abs(np.fft.fft2(values)), abs(np.fft.fft2(scrambled))))
        True
    """
    # The phases of real noise: those of a spectrum whose inverse is real.
    noise = generator.standard_normal(values.shape[1:])
    spectrum = np.fft.fftn(noise, axes=tuple(axis - 1 for axis in axes))
    turn = np.exp(1j * np.angle(spectrum))
    # What has no phase stays as it is: the mean.
    turn[(0,) * turn.ndim] = 1
    return np.real(np.fft.ifftn(np.fft.fftn(values, axes=axes) * turn, axes=axes))


def noise_like(values: Values, generator: Generator, *, axes: tuple[int, ...]) -> Values:
    """White noise with the mean and the standard deviation of each channel."""
    noise = generator.standard_normal(values.shape)
    return values.mean(axes, keepdims=True) + noise * values.std(axes, keepdims=True)


def pattern_of(values: Values, generator: Generator, *, axes: tuple[int, ...]) -> Values:
    """Patches of the image in random order, some of them mirrored."""
    _, height, width = values.shape
    side = max(1, min(height, width) // PATCHES)
    tops, lefts = range(0, height - side + 1, side), range(0, width - side + 1, side)
    corners = [(top, left) for top in tops for left in lefts]
    out = values.copy()
    for (top, left), which in zip(corners, generator.permutation(len(corners)), strict=True):
        from_top, from_left = corners[int(which)]
        patch = values[:, from_top : from_top + side, from_left : from_left + side]
        out[:, top : top + side, left : left + side] = patch[
            :, :: generator.choice([1, -1]), :: generator.choice([1, -1])
        ]
    return out


KINDS: dict[str, Callable[..., Values]] = {
    "noise": noise_like,
    "pattern": pattern_of,
    "phase_scrambled": phase_scrambled,
}


def within(values: Values, low: float, high: float, axes: tuple[int, ...]) -> Values:
    """The values with as much contrast as fits between two limits, so that nothing is cut off."""
    mean = values.mean(axes, keepdims=True)
    away = values - mean
    above, below = max(float(away.max()), 1e-12), max(float(-away.min()), 1e-12)
    room = min(1.0, float((high - mean).min()) / above, float((mean - low).min()) / below)
    return mean + room * away


def _write(path: Path, target: Path, kind: str, generator: Generator) -> None:
    image = target.suffix.lower() == ".png"
    values, rate = (read_image(path), 0) if image else read_sound(path)
    channels: Any = np.asarray(values, dtype=np.float64)
    axes = (1, 2) if image else (1,)
    if not image:
        channels = channels[None]
    low = 0.0 if image else -1.0
    mask = within(KINDS[kind](channels, generator, axes=axes), low, 1.0, axes).astype(np.float32)
    if image:
        write_png(target, np.clip(mask, 0, 1))  # rounding only: the contrast fits
    else:
        write_wav(target, mask[0], rate)
