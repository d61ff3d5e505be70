"""How an entry of sounds is synthesised: which latents and optimiser, for how long.

The defaults come from docs/sound_optimiser_study.md: Adam on the logarithm of the loss (a score in dB), moving the log
amplitudes and phases of the short-time spectrum. Textures are made as McDermott & Simoncelli 2011 stopped theirs, when
every class of statistics is matched; L-BFGS from noise with the reference's spectrum gets there soonest.
"""

from __future__ import annotations

from dataclasses import replace

from synthstim.modalities.sound.input import SoundInput
from synthstim.models import Observer
from synthstim.models.hearing import textures
from synthstim.models.textures import STOP_DB
from synthstim.optimise import LBFGS, Adam, Optimiser
from synthstim.parametrise import Parametrisation, Spectrogram
from synthstim.production.phases import (
    Phase,
    evaluations_of,
    optimiser_of,
    parametrisation_of,
    require_start,
    start_of,
    stopping_of,
)
from synthstim.recipe import Recipe, StimulusSpec

METAMER_EVALUATIONS = 500
# Of log amplitudes and phases (about 20 % and 11 degrees), and of samples.
STEP = 0.2
WAVEFORM_STEP = 0.01


def usual(input: SoundInput, *, matching: bool) -> tuple[Parametrisation, Optimiser]:
    """What a search for sounds begins with: see ``optimise.defaults``."""
    return Spectrogram(input), Adam(step=STEP)


def phases_of(
    entry: StimulusSpec,
    recipe: Recipe,
    observer: Observer,
    budget: int | None = None,
    *,
    texture: bool = False,
) -> list[Phase]:
    """The phases of an entry's sounds.

    Args:
        budget: cap on the evaluations of each item.
        texture: whether the classes of a texture's statistics are matched.
    """
    evaluations = evaluations_of(entry, textures.EVALUATIONS if texture else METAMER_EVALUATIONS, budget)
    latents = parametrisation_of(entry, observer, "spectrogram")
    step = STEP if isinstance(latents, Spectrogram) else WAVEFORM_STEP

    def adam() -> Optimiser:
        return Adam(step=step)

    make = optimiser_of(entry.optimiser) if entry.optimiser is not None else LBFGS if texture else adam
    stopping, start = stopping_of(entry, evaluations), start_of(entry, recipe, observer)
    if texture:
        stopping = replace(stopping, target=STOP_DB if stopping.target is None else stopping.target)
        start = start if "start" in entry.model_fields_set else "shaped"
    require_start(latents, start, observer.input.modality)
    return [Phase(latents, make, repr(make()), stopping, start)]
