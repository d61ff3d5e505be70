"""Measuring a stimulus as its file holds it: the same code makes the table and checks it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from synthstim.encoding import STANDARDISED
from synthstim.goals import GOALS
from synthstim.goals.aim import Aim
from synthstim.modalities.base import Stimulus
from synthstim.models import Observer, Unit, read_units
from synthstim.models.textures import unmatched
from synthstim.verify.null import MEASURES, FloatArray, Null, joined
from synthstim.verify.pool import NaturalPool
from synthstim.verify.pool_reading import PoolReading
from synthstim.verify.reading import StimulusReading, batch_of, read_stimulus

Measured = dict[str, Any]


class Measurer:
    """Measures saved stimuli against references, units and the natural pool; what is costly is computed once.

    Args:
        observer: the model.
        pool: natural stimuli as the observer is given them.
    """

    def __init__(self, observer: Observer, pool: NaturalPool) -> None:
        self.observer = observer
        self.pool = pool
        self.reading = PoolReading(observer, pool)
        self._nulls: dict[tuple[str, ...], Null] = {}
        # Of the reference that was read last: it has many metamers.
        self._reference: tuple[tuple[bytes, tuple[str, ...]], StimulusReading] | None = None

    def metamer(
        self, stimulus: Stimulus, reference: Stimulus, layers: Sequence[str], *, each: bool = False
    ) -> Measured:
        """What ``match_of`` measures, with the percentile in the null and the distance of the stimuli themselves.

        Also the match after another resampler, where the modality has one.

        Args:
            each: the layers are statistics of a texture, each of which counts: ``unmatched`` names those that fall short.
        """
        own, wanted = read_stimulus(self.observer, stimulus, layers), self._reading_of(reference, layers)
        profile = own.profile(wanted)
        measured = _joint(profile)
        if each:
            measured["unmatched"] = unmatched({layer: float(found["match_db"]) for layer, found in profile.items()})
        modality = self.observer.input.modality
        for column, resampler in modality.rematched.items():
            heard = resampled(self.observer, resampler, stimulus, reference)
            measured[column] = _joint(profile_of(self.observer, *heard, layers))["match_db"]
        measured["same_class"] = own.same_decision(wanted)
        leave_out = self.pool.recognise(reference)
        null = self.null(layers)
        percentiles = [_percentile(null.values(measure, leave_out), measured[measure]) for measure in MEASURES]
        measured["itself"] = modality.recovers and np.array_equal(stimulus, reference)
        return measured | {"null_percentile": min(percentiles)} | modality.between(stimulus, reference)

    def _reading_of(self, reference: Stimulus, layers: Sequence[str]) -> StimulusReading:
        key = reference.tobytes(), tuple(layers)
        if self._reference is None or self._reference[0] != key:
            self._reference = key, read_stimulus(self.observer, reference, layers)
        return self._reference[1]

    def matched(self, stimulus: Stimulus, reference: Stimulus, layers: Sequence[str]) -> Measured:
        """Match in dB, Pearson and Spearman of layers, jointly, and the distance of the stimuli themselves."""
        measured = _joint(profile_of(self.observer, stimulus, reference, layers))
        return measured | self.observer.input.modality.between(stimulus, reference)

    def controller(self, stimulus: Stimulus, aim: Aim) -> Measured:
        """What the goal judges by, such as the activation of the unit, and the best of the pool in the goal's direction."""
        (activation,) = self.activations(stimulus, [aim])
        return {"activation": activation, "best_natural": float(self.natural_order(aim)[1][0])}

    def activations(self, stimulus: Stimulus, aims: Sequence[Aim]) -> list[float]:
        """What each aim is judged by, of one stimulus, such as the activation of its unit."""
        units = list(dict.fromkeys(unit for aim in aims for unit in aim.controlled))
        read = read_units(self.observer, self.batch(stimulus), units).double().cpu().numpy()
        wanted = [[units.index(unit) for unit in aim.controlled] for aim in aims]
        return [float(self._judged(read[:, columns], aim)[0]) for columns, aim in zip(wanted, aims, strict=True)]

    def _judged(self, activations: FloatArray, aim: Aim) -> FloatArray:
        """What the goal judges by (stimulus,), of the activations (stimulus, unit) of the units that are controlled."""
        goal = GOALS[aim.goal]
        if goal.standardised:
            mean, std = self.standardisation(aim.controlled)
            activations = (activations - mean) / std
        return goal.values(activations, aim)

    def batch(self, *stimuli: Stimulus) -> torch.Tensor:
        """Stimuli (batch, *shape) as the observer is given them."""
        return batch_of(self.observer, *stimuli)

    def null(self, layers: Sequence[str]) -> Null:
        """The null distribution at these layers."""
        key = tuple(layers)
        if key not in self._nulls:
            self._nulls[key] = self.reading.null(key)
        return self._nulls[key]

    def prepare(self, aims: Iterable[Aim]) -> None:
        """Read the natural pool for all aims at once."""
        wanted = list(aims)
        units = [unit for aim in wanted for unit in (*aim.controlled, *aim.others)]
        # Only a match is judged by its null distribution.
        nulls = dict.fromkeys(aim.layers for aim in wanted if aim.layers and GOALS[aim.goal].against_null)
        self.reading.prepare(units, nulls)

    def natural_order(self, aim: Aim) -> tuple[np.ndarray, FloatArray]:
        """Numbers of the pool's stimuli, the best in the goal's direction first, and what the goal judges them by."""
        goal = GOALS[aim.goal]
        values = self._judged(self.natural_activations(aim.controlled), aim)
        order = np.argsort(-goal.merit(values, aim), kind="stable")
        return order, values[order]

    def natural_activations(self, units: Sequence[Unit]) -> FloatArray:
        """Activations (stimulus, unit) over the pool."""
        return self.reading.units(units)

    def standardisation(self, units: Sequence[Unit]) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation (unit,) over the pool, to z-score units; 0 and 1 of fitted sites that are in z-scores."""
        values = self.natural_activations(units)
        already = np.array([unit.layer == STANDARDISED for unit in units])
        return np.where(already, 0.0, values.mean(0)), np.where(already, 1.0, np.maximum(values.std(0), 1e-6))

    def null_rows(self, reference: Stimulus, layers: Sequence[str]) -> pd.DataFrame:
        """Quantiles of the null for the set's null.tsv.gz."""
        percentile = np.linspace(0, 100, 201)
        parts = []
        for measure in MEASURES:
            values = np.percentile(self.null(layers).values(measure, self.pool.recognise(reference)), percentile)
            parts.append(pd.DataFrame({"measure": measure, "percentile": percentile, "value": values}))
        return pd.concat(parts)


def profile_of(
    observer: Observer, stimulus: Stimulus, reference: Stimulus, layers: Sequence[str]
) -> dict[str, Measured]:
    """Match in dB, Pearson and Spearman at each of an observer's layers.

    Example:
        >>> first, second = (stimuli.stimulus(file) for file in stimuli.table["file"][:2])
        >>> list(profile_of(observer, first, second, ["blocks.0", "blocks.1"]))
        ['blocks.0', 'blocks.1']
    """
    own, wanted = (read_stimulus(observer, each, layers, decides=False) for each in (stimulus, reference))
    return own.profile(wanted)


def match_of(observer: Observer, stimulus: Stimulus, reference: Stimulus, layers: Sequence[str]) -> Measured:
    """Match in dB, Pearson and Spearman of layers, jointly, and whether the observer decides the same on both stimuli.

    Example:
        >>> same, other = stimuli.stimulus(stimuli.table["file"][0]), stimuli.stimulus(stimuli.table["file"][1])
        >>> sorted(match_of(observer, other, same, ["blocks.1", "blocks.2"]))
        ['match_db', 'pearson', 'same_class', 'spearman']
    """
    own, wanted = (read_stimulus(observer, each, layers) for each in (stimulus, reference))
    return _joint(own.profile(wanted)) | {"same_class": own.same_decision(wanted)}


def resampled(observer: Observer, resampler: str, stimulus: Stimulus, reference: Stimulus) -> tuple[Stimulus, Stimulus]:
    """Two stimuli as the observer gets them after another program's resampler, one of the modality's ``resamplers``.

    Raises:
        InputError: no resampler has this name, or the observer's stimuli are not resampled.
    """
    through = observer.input.modality.through
    return through(resampler, stimulus, observer.input), through(resampler, reference, observer.input)


def _joint(profile: dict[str, Measured]) -> Measured:
    return {name: float(joined(name, [value[name] for value in profile.values()])) for name in MEASURES}


def _percentile(sorted_values: FloatArray, value: float) -> float:
    return 100.0 * float(np.searchsorted(sorted_values, value, side="left")) / max(len(sorted_values), 1)
