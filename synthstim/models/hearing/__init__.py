"""Hearing: classical models and networks of sound, one noun a file: ``network``, and where it has them ``RATE`` or
``rate_of``, ``STAGES``, ``STATISTICS`` and ``decide``."""

from __future__ import annotations

from pathlib import Path

from synthstim.catalogue import HEARING
from synthstim.modalities.sound import SoundInput
from synthstim.models.capture import OUTPUT
from synthstim.models.heads import load_checkpoint
from synthstim.models.observer import Observer
from synthstim.models.weights import read_weights, same_random_weights, weights_called


def load_hearing(
    name: str, short: str, *, weights: str | Path, seconds: float | None, rate: int, download: bool
) -> Observer:
    """Return a model of hearing as an observer of sounds.

    Args:
        short: a name of ``HEARING``; or, where ``name`` begins with ``whisper:``, a Whisper of the hub or of a folder.
        weights: ``default``, ``random``, or a file; for Whisper, a folder that transformers saved.
        seconds: duration of the sounds; None takes the model's own.
        rate: of the sounds as played, in Hz.
        download: whether a hub may be called.

    Raises:
        InputError: the weights cannot be had, or the duration or rate does not suit the model.
    """
    entry = HEARING["whisper-tiny.en"] if name.startswith("whisper:") else HEARING[short]
    options, whisper = dict(entry.options), entry.home == "hearing.whisper"
    if whisper and (short not in HEARING or str(weights) not in ("default", "random")):
        options |= {"checkpoint": short if short not in HEARING else weights, "download": download}
    module = entry.module
    hears = module.rate_of(**options) if hasattr(module, "rate_of") else module.RATE
    input = SoundInput.lasting(seconds or entry.seconds, network_rate=hears, rate=rate)
    from_file = not whisper and str(weights) not in ("default", "random")
    with same_random_weights():
        network = module.network(input.network_samples, trained=weights == "default" or (whisper and weights != "random"), **options)  # fmt: skip
    if from_file:
        state = read_weights(weights)
        load_checkpoint(network, getattr(module, "published_state", dict)(state), Path(weights).name)
    statistics = getattr(module, "STATISTICS", ())
    return Observer(
        network,
        input=input,
        name=name,
        weights=weights_called(weights),
        decision=getattr(module, "decide", OUTPUT if entry.weights != "none" else None),
        stages=getattr(module, "STAGES", statistics),
        groups={"statistics": statistics} if statistics else None,
        axes=getattr(module, "AXES", None),
    )
