"""How an entry of sounds is synthesised: which optimiser on the waveform, for how long."""

from __future__ import annotations

import torch

from synthstim.media import read_for
from synthstim.models import Observer, SoundInput
from synthstim.optimise import Adam, Optimiser
from synthstim.parametrise import Waveform
from synthstim.production.phases import CONTROLLER_EVALUATIONS, Phase, optimiser_of, stopping_of
from synthstim.recipe import STARTS, Controller, Metamer, Recipe

METAMER_EVALUATIONS = 800
# Of latents whose root mean square is that of the sound: some tenths of it a step.
STEP = 0.01


def sound_phases_of(
    entry: Metamer | Controller, recipe: Recipe, observer: Observer, budget: int | None = None
) -> list[Phase]:
    """The phases of an entry's sounds.

    Args:
        budget: cap on the evaluations of each item.
    """
    assert isinstance(observer.input, SoundInput)
    default = METAMER_EVALUATIONS if isinstance(entry, Metamer) else CONTROLLER_EVALUATIONS
    evaluations = min(entry.evaluations or default, budget or 10**9)
    asked = entry.parametrisation
    decay = None if asked is None or asked.kind != "waveform" else asked.decay
    start = _start(entry, recipe, observer)
    make = optimiser_of(entry.optimiser) if entry.optimiser is not None else _adam
    return [
        Phase(Waveform(observer.input, decay=decay or 0.0), make, repr(make()), stopping_of(entry, evaluations), start)
    ]


def _adam() -> Optimiser:
    return Adam(step=STEP)


def _start(entry: Metamer | Controller, recipe: Recipe, observer: Observer) -> str | torch.Tensor:
    if entry.start in STARTS:
        return entry.start
    given = read_for(recipe.resolve(entry.start), observer.input, fit=recipe.fit, level_dbfs=recipe.level_dbfs)
    return torch.from_numpy(given)[None]
