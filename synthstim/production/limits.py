"""The hard limits of an entry, as projections."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from synthstim import constraints as limits
from synthstim.constraints.luminance import LUMINANCE
from synthstim.constraints.place import placed
from synthstim.errors import InputError
from synthstim.modalities.image import luminance
from synthstim.models import Observer, ReceptiveField
from synthstim.recipe import Controller, Item, Recipe, StimulusSpec
from synthstim.verify import NaturalPool

# At most this share of the RMS contrast of an image of black and white alone: images of any kind still come to it.
MOST_CONTRAST = 0.3


def constraints_of(
    entry: StimulusSpec, recipe: Recipe, observer: Observer, luminance: limits.Luminance | None = None
) -> list[limits.Constraint]:
    """The projections an entry asks for, the ones that must hold best last."""
    also = [(LUMINANCE, luminance)] if luminance is not None and isinstance(entry, Controller) else []
    return limits.asked_for(entry.constraints, observer.input.kind, observer.input, recipe, also)


def at_its_site(item: Item, observer: Observer) -> Item:
    """An item whose constraints of a site, if it has some, lie where its own site sees.

    Raises:
        InputError: it is of no single site, or nothing says where that sees.
    """

    def field() -> ReceptiveField:
        if item.site is None:
            raise InputError(
                "a constraint lies where a site sees, but no single site is controlled", "give diameter and centre"
            )
        if item.site not in observer.fields:
            raise InputError(
                f"nothing says where {item.site} sees: its fit reads no layer with a grid",
                "give diameter and centre, or fit again with a table of fields",
                code="missing",
            )
        return observer.fields[item.site]

    constraints = placed(item.entry.constraints, field)
    if constraints is item.entry.constraints:
        return item
    return replace(item, entry=item.entry.model_copy(update={"constraints": constraints}))


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
