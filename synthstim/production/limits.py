"""The hard limits of an entry, as projections."""

from __future__ import annotations

import numpy as np
import torch

from synthstim import constraints as limits
from synthstim.constraints.luminance import LUMINANCE
from synthstim.modalities.image import luminance
from synthstim.models import Observer
from synthstim.recipe import Controller, Recipe, StimulusSpec
from synthstim.verify import NaturalPool

# At most this share of the RMS contrast of an image of black and white alone: images of any kind still come to it.
MOST_CONTRAST = 0.3


def constraints_of(
    entry: StimulusSpec, recipe: Recipe, observer: Observer, luminance: limits.Luminance | None = None
) -> list[limits.Constraint]:
    """The projections an entry asks for, the ones that must hold best last.

    Args:
        luminance: held by controllers besides.
    """
    also = [(LUMINANCE, luminance)] if luminance is not None and isinstance(entry, Controller) else []
    return limits.asked_for(entry.constraints, observer.input.kind, observer.input, recipe, also)


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
