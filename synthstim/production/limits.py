"""The hard limits of an entry, as projections."""

from __future__ import annotations

import numpy as np
import torch

from synthstim import constraints as limits
from synthstim.errors import InputError
from synthstim.modalities.image import fit_image, luminance, read_image
from synthstim.modalities.sound import highest_hz
from synthstim.models import ImageInput, Observer, SoundInput
from synthstim.recipe import Controller, Metamer, Recipe
from synthstim.verify import NaturalPool

# At most this share of the RMS contrast of an image of black and white alone: images of any kind still come to it.
MOST_CONTRAST = 0.3


def constraints_of(
    entry: Metamer | Controller, recipe: Recipe, observer: Observer, luminance: limits.Luminance | None = None
) -> list[limits.Constraint]:
    """The projections an entry asks for, the ones that must hold best last.

    Args:
        luminance: held by controllers besides.
    """
    if isinstance(observer.input, SoundInput):
        return _sound_constraints(entry, recipe, observer.input)
    asked = entry.constraints
    out: list[limits.Constraint] = []
    if asked.energy is not None:
        out.append(limits.Energy(most=asked.energy))
    if asked.aperture is not None:
        size = asked.aperture.diameter if asked.aperture.shape == "circular" else asked.aperture.sigma
        out.append(limits.Aperture(shape=asked.aperture.shape, size=size or 1.0))
    if asked.mean_luminance is not None or asked.rms_contrast is not None:
        out.append(limits.Luminance(mean=asked.mean_luminance, rms_contrast=asked.rms_contrast))
    if luminance is not None and isinstance(entry, Controller):
        out.append(luminance)
    if asked.fixed is not None:
        assert isinstance(observer.input, ImageInput)
        channels, height, width = observer.input.shape
        image, mask = (read_image(recipe.resolve(path)) for path in (asked.fixed.image, asked.fixed.mask))
        if image.shape[1:] != mask.shape[1:]:
            sides = [" x ".join(map(str, part.shape[1:])) for part in (mask, image)]
            raise InputError(f"fixed: the mask has {sides[0]} pixels, its image {sides[1]}: give both at one size")
        image, mask = (
            fit_image(part, number, (height, width), recipe.fit) for part, number in ((image, channels), (mask, 1))
        )
        out.append(limits.Fixed(image=torch.from_numpy(image), mask=torch.from_numpy(mask[0])))
    return out


def _sound_constraints(entry: Metamer | Controller, recipe: Recipe, input: SoundInput) -> list[limits.Constraint]:
    """A sound is held at its level unless the recipe frees it, so that all sounds of a set are played at the same one."""
    asked = entry.constraints
    out: list[limits.Constraint] = []
    if asked.band_hz is not None:
        if asked.band_hz[0] >= (highest := highest_hz(input.network_rate, input.rate)):
            raise InputError(
                f"band_hz from {asked.band_hz[0]:g} Hz came, sounds for this model hold up to {highest:g} Hz: lower it"
            )
        out.append(limits.Band(low=asked.band_hz[0], high=asked.band_hz[1], rate=input.rate))
    if asked.ramp_ms is not None:
        out.append(limits.Ramps(seconds=asked.ramp_ms / 1000, rate=input.rate))
    if asked.level_dbfs != "free":
        out.append(limits.Level(rms_dbfs=recipe.level_dbfs if asked.level_dbfs is None else asked.level_dbfs))
    return [*out, limits.Peak(most_dbfs=asked.peak_dbfs)]


def luminance_of(pool: NaturalPool) -> limits.Luminance:
    """The mean luminance and the mean RMS contrast of a pool's images, as a limit that images can meet."""
    means, contrasts = [], []
    for part in np.array_split(np.arange(len(pool)), 16):
        images = torch.from_numpy(np.stack([pool.stimulus(number) for number in part])).double()
        seen = luminance(images).flatten(1)
        means.append(seen.mean(1))
        contrasts.append(seen.std(1, unbiased=False) / seen.mean(1).clamp_min(1e-6))
    mean = float(torch.cat(means).mean())
    most = MOST_CONTRAST * ((1 - mean) / mean) ** 0.5
    contrast = min(float(torch.cat(contrasts).mean()), most)
    return limits.Luminance(mean=mean, rms_contrast=contrast, colours="fade")
