"""What an observer makes of one stimulus, and how alike that is of two."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from synthstim.modalities.base import Stimulus
from synthstim.models import Observer
from synthstim.models.observer import most_active
from synthstim.verify.null import FloatArray, ranks


class LayerValues:
    """LayerValues of a layer, (number,), and their ranks, which take longer than the rest of a comparison."""

    def __init__(self, values: FloatArray) -> None:
        self.values = values
        self.constant = np.ptp(values) == 0

    @cached_property
    def ranks(self) -> FloatArray:
        """From 1, equal values sharing their mean rank."""
        return ranks(self.values)


@dataclass(frozen=True)
class StimulusReading:
    """What an observer makes of one stimulus.

    Attributes:
        layers: activations by layer.
        decided: what it takes the stimulus for; None where it decides nothing, or was not asked.
    """

    layers: dict[str, LayerValues]
    decided: Hashable

    def profile(self, wanted: StimulusReading) -> dict[str, dict[str, FloatArray]]:
        """Match in dB, Pearson and Spearman at each layer, beside what was wanted."""
        return {layer: compared(own, wanted.layers[layer]) for layer, own in self.layers.items()}

    def same_decision(self, wanted: StimulusReading) -> bool | None:
        """Whether the observer takes both for the same; None where it decides nothing."""
        return None if self.decided is None or wanted.decided is None else self.decided == wanted.decided


def read_stimulus(
    observer: Observer, stimulus: Stimulus, layers: Sequence[str], *, decides: bool = True
) -> StimulusReading:
    """Read layers, and what the observer decides by them, in one pass where a layer decides.

    Args:
        decides: whether to ask what it takes the stimulus for.
    """
    batch = batch_of(observer, stimulus)
    deciding = observer.decision_layer if decides else None
    with torch.no_grad():
        read = observer.activations(batch, list(dict.fromkeys([*layers, *([deciding] if deciding else [])])))
    flat = {layer: LayerValues(read[layer].flatten().double().cpu().numpy()) for layer in layers}
    if deciding:
        return StimulusReading(flat, most_active(read[deciding])[0])
    decided = observer.decide(batch, layers) if decides else None
    return StimulusReading(flat, None if decided is None else decided[0])


def batch_of(observer: Observer, *stimuli: Stimulus) -> torch.Tensor:
    """Stimuli (batch, *shape) as the observer is given them."""
    return torch.from_numpy(np.stack(stimuli)).to(observer.device, observer.dtype)


def compared(own: LayerValues, wanted: LayerValues) -> dict[str, FloatArray]:
    """Match in dB, Pearson and Spearman correlation of activations with those that are wanted."""
    error = np.linalg.norm(own.values - wanted.values) / max(float(np.linalg.norm(wanted.values)), 1e-30)
    constant = own.constant or wanted.constant
    return {
        "match_db": np.float64(-20 * np.log10(max(error, 1e-12))),
        "pearson": np.float64(0.0 if constant else _correlation(own.values, wanted.values)),
        "spearman": np.float64(0.0 if constant else _correlation(own.ranks, wanted.ranks)),
    }


def _correlation(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    return float(np.clip((one / np.linalg.norm(one)) @ (other / np.linalg.norm(other)), -1.0, 1.0))
