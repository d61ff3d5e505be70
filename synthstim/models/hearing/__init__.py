"""Hearing: classical models and networks of sound, one noun a file, and the names under which they are loaded."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from synthstim.models.capture import OUTPUT
from synthstim.models.inputs import SoundInput
from synthstim.models.observer import Observer
from synthstim.models.weights import load_into, read_weights


@dataclass(frozen=True)
class Hearing:
    """How a model of hearing is found and loaded; its file says the rest when it is imported.

    Attributes:
        file: of this folder.
        weights: whether it has trained weights: ``embedded`` in a package, ``file`` for the user's own, ``none``.
        seconds: duration of the sounds unless another is asked for.
        options: for the file's ``network``.
    """

    file: str
    weights: str = "none"
    seconds: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def module(self) -> ModuleType:
        """The file: ``network``, and where it has them ``RATE`` or ``rate_of``, ``STAGES``, ``STATISTICS`` and ``decide``."""
        return importlib.import_module(f"synthstim.models.hearing.{self.file}")


HEARING: dict[str, Hearing] = {
    "whisper-tiny.en": Hearing("whisper", "embedded"),
    "word-music": Hearing("word_music", "embedded"),
    "cochleagram": Hearing("cochleagram", options={"preset": "feather2023"}),
    # Envelopes at half amplitude, as the published package has them: values are 2**-0.3, 0.81, of the line above.
    "cochleagram-feather2023": Hearing("cochleagram", options={"preset": "feather2023", "compat": True}),
    "cochleagram-kell2018": Hearing("cochleagram", options={"preset": "kell2018"}),
    "cochleagram-mcdermott2011": Hearing("cochleagram", options={"preset": "mcdermott2011"}),
    "spectrotemporal": Hearing("spectrotemporal"),
    "spectrotemporal-norman-haignere2018": Hearing("spectrotemporal", options={"preset": "norman_haignere2018"}),
    "spectrotemporal-words": Hearing("spectrotemporal", "file", seconds=2.0, options={"words": 794}),
    "sound-texture": Hearing("textures", seconds=4.0),
    "cochcnn9": Hearing("cochcnn9", "file", seconds=2.0),
    "kell2018": Hearing("kell2018", "file", seconds=2.0),
}


def load_hearing(
    name: str, short: str, *, weights: str | Path, seconds: float | None, rate: int, download: bool
) -> Observer:
    """Return a model of hearing as an observer of sounds.

    Args:
        name: how the observer is called.
        short: a name of ``HEARING``; or, where ``name`` begins with ``whisper:``, a Whisper of the hub or of a folder.
        weights: ``default``, ``random``, or a file; for Whisper, a folder that transformers saved.
        seconds: duration of the sounds; None takes the model's own.
        rate: of the sounds as played, in Hz.
        download: whether a hub may be called.

    Raises:
        InputError: the weights cannot be had, or the duration or rate does not suit the model.
    """
    entry = HEARING["whisper-tiny.en"] if name.startswith("whisper:") else HEARING[short]
    options = dict(entry.options)
    if entry.file == "whisper" and (short not in HEARING or str(weights) not in ("default", "random")):
        options |= {"checkpoint": short if short not in HEARING else weights, "download": download}
    module = entry.module
    hears = module.rate_of(**options) if hasattr(module, "rate_of") else module.RATE
    input = SoundInput.lasting(seconds or entry.seconds, network_rate=hears, rate=rate)
    from_file = entry.file != "whisper" and str(weights) not in ("default", "random")
    # Random weights are the same every time, so that a set made on them can be checked; nobody else's draws change.
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = module.network(input.network_samples, trained=weights == "default" or (entry.file == "whisper" and weights != "random"), **options)  # fmt: skip
    if from_file:
        state = read_weights(weights)
        load_into(network, getattr(module, "published_state", dict)(state), Path(weights).name)
    statistics = getattr(module, "STATISTICS", ())
    return Observer(
        network,
        input=input,
        name=name,
        weights=str(weights) if str(weights) in ("default", "random") else Path(weights).name,
        decision=getattr(module, "decide", OUTPUT if entry.weights != "none" else None),
        stages=getattr(module, "STAGES", statistics),
        groups={"statistics": statistics} if statistics else None,
        axes=getattr(module, "AXES", None),
    )
