"""A set of a stimulus changed along its eigendistortions, by amplitudes: ready for a threshold experiment."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from synthstim.distortions.eigen import Eigendistortions, eigendistortions
from synthstim.errors import InputError
from synthstim.ids import safe_id
from synthstim.modalities.base import Stimulus
from synthstim.models import Observer
from synthstim.stimulus_set import SetWriter, StimulusSet


def distorted(stimulus: Stimulus, direction: Stimulus, amplitude: float, limits: tuple[float, float]) -> Stimulus:
    """A stimulus changed along a direction of length 1 by a root mean square of ``amplitude``.

    Raises:
        InputError: it would leave the limits; the message says how far it may go.
    """
    change = direction * math.sqrt(direction.size)
    low, high = limits
    room = [(high - stimulus[change > 0]) / change[change > 0], (low - stimulus[change < 0]) / change[change < 0]]
    most = min((float(each.min()) for each in room if each.size), default=math.inf)
    if not 0 < amplitude <= most:
        raise InputError(
            f"an amplitude of {amplitude:g} given; expected more than 0 and at most {math.floor(most * 1e4) / 1e4:g}",
            f"beyond that the stimulus leaves [{low:g}, {high:g}]: give less, or a reference with less contrast",
        )
    made: Stimulus = (stimulus + amplitude * change).astype(stimulus.dtype)
    return made


def make_distorted(
    observer: Observer,
    reference: str | Path,
    layers: Sequence[str],
    amplitudes: Sequence[float],
    out: str | Path,
    *,
    most: int = 1,
    least: int = 1,
    bits: int | None = None,
    fit: str = "exact",
    seed: int = 0,
) -> StimulusSet:
    """Write a set of an image at amplitudes along the directions that an observer notices most and least.

    Args:
        observer: the model, of images.
        reference: a file, brought to the observer's size as ``fit`` says.
        layers: noticed jointly.
        amplitudes: root mean square changes, in display values.
        out: directory of the set; it must not exist yet.
        most, least: how many directions of each.
        bits: of the files: 16 hold small amplitudes exactly.
        fit: ``exact``, ``crop``, ``pad`` or ``stretch``.
        seed: of the search.

    Raises:
        InputError: an amplitude takes the image out of the display's range; what ``eigendistortions`` raises.
    """
    modality = observer.input.modality
    if modality.presents != "shows":
        raise InputError(f"{observer.name} {modality.is_given}; expected an observer of images", code="mismatch")
    if not amplitudes:
        raise InputError("no amplitude given; expected one or more", code="too-few")
    shown = modality.read_for(Path(reference), observer.input, fit=fit)
    stem = safe_id(Path(reference).stem)
    with SetWriter(out, modality=modality.name) as writer:
        found = eigendistortions(observer, torch.from_numpy(shown)[None], layers, most=most, least=least, seed=seed)
        kept, digest = writer.add_reference(shown, stem, bits=bits)
        for name, direction in zip(found.names, found.directions.numpy(), strict=True):
            for amplitude in amplitudes:
                stimulus = distorted(shown, direction, amplitude, (0.0, 1.0))
                about = {
                    "observer": observer.name,
                    "layer": "+".join(layers),
                    "reference": kept,
                    "reference_sha256": digest,
                }
                stimulus_id = f"{stem[:40]}_{name}_{amplitude:g}".replace(".", "p").replace("-", "m")
                written = writer.add(
                    stimulus_id, stimulus, bits=bits, name=name, kind="control", amplitude=amplitude, **about
                )
                writer.rows[-1].update(modality.statistics(written))
        return StimulusSet.read(writer.commit(_facts(found, Path(reference).name, layers, observer, seed)))


def _facts(
    found: Eigendistortions, reference: str, layers: Sequence[str], observer: Observer, seed: int
) -> dict[str, object]:
    return {
        "eigendistortions": {
            "reference": reference,
            "observer": observer.name,
            "weights": observer.weights,
            "layers": list(layers),
            "eigenvalues": dict(zip(found.names, found.eigenvalues, strict=True)),
            "seed": seed,
        },
        "versions": {"python": platform.python_version(), "synthstim": version("synthstim")},
    }
