"""Measuring a stimulus as its file holds it: the same code makes the table and checks it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from synthstim.errors import InputError
from synthstim.media import Stimulus
from synthstim.modalities.sound import SECOND, heard_through
from synthstim.models import Observer, SoundInput, Unit, read_units
from synthstim.models.hearing.textures import unmatched
from synthstim.verify.aims import Aim, in_z_scores
from synthstim.verify.null import MEASURES, FloatArray, Null, joined, ranks
from synthstim.verify.pool import NaturalPool
from synthstim.verify.pool_reading import PoolReading

Measured = dict[str, Any]
# The column of the distance between a stimulus and its reference, |stimulus - reference| / |reference|.
DISTANCES = {"image": "pixel_distance", "sound": "waveform_distance"}
# A level is reached within this share of the unit's standard deviation over the pool.
LEVEL_TOLERANCE = 0.05


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
        # A decoder may take seconds, and a reference has many metamers.
        self._decisions: dict[tuple[bytes, tuple[str, ...]], Hashable] = {}

    def metamer(
        self, stimulus: Stimulus, reference: Stimulus, layers: Sequence[str], *, each: bool = False
    ) -> Measured:
        """What ``match_of`` measures, with the percentile in the null and the distance of the stimuli themselves.

        Of sounds also the match after the second resampler.

        Args:
            each: the layers are statistics of a texture, each of which counts: ``unmatched`` names those that fall short.
        """
        profile = profile_of(self.observer, stimulus, reference, layers)
        measured = _joint(profile)
        if each:
            measured["unmatched"] = unmatched({layer: float(found["match_db"]) for layer, found in profile.items()})
        if self.observer.input.modality == "sound":
            heard = resampled(self.observer, SECOND, stimulus, reference)
            measured["match_db_soxr"] = _joint(profile_of(self.observer, *heard, layers))["match_db"]
        key = (reference.tobytes(), tuple(layers))
        if key not in self._decisions:
            self._decisions[key] = _decision(self.observer, reference, layers)
        measured["same_class"] = _same(_decision(self.observer, stimulus, layers), self._decisions[key])
        leave_out = self.pool.recognise(reference)
        null = self.null(layers)
        ranks = [_percentile(null.values(measure, leave_out), measured[measure]) for measure in MEASURES]
        distance = np.linalg.norm((stimulus - reference).ravel()) / max(float(np.linalg.norm(reference.ravel())), 1e-12)
        return measured | {"null_percentile": min(ranks), DISTANCES[self.observer.input.modality]: float(distance)}

    def controller(self, stimulus: Stimulus, aim: Aim) -> Measured:
        """Activation of the unit, or distance from a pattern, and the most extreme of the pool in the goal's direction."""
        batch = _batch(self.observer, stimulus)
        values = read_units(self.observer, batch, aim.controlled).double().cpu().numpy()
        measured = {"activation": float(_of_goal(values, aim)[0]), "best_natural": float(self.natural_order(aim)[1][0])}
        if aim.unit is None:
            return measured | {"wins": None, "tolerance": None}
        z = self._compared(batch, aim) if aim.others else None
        return measured | {
            "wins": None if z is None else bool(z[0] > z[1:].max()),
            "tolerance": LEVEL_TOLERANCE * float(self.standardisation([aim.unit])[1][0]),
        }

    def activations(self, stimulus: Stimulus, aims: Sequence[Aim]) -> list[float]:
        """What each aim is judged by, of one stimulus: the activation of its unit, or the distance from its pattern."""
        units = list(dict.fromkeys(unit for aim in aims for unit in aim.controlled))
        read = read_units(self.observer, _batch(self.observer, stimulus), units).double().cpu().numpy()
        wanted = [[units.index(unit) for unit in aim.controlled] for aim in aims]
        return [float(_of_goal(read[:, columns], aim)[0]) for columns, aim in zip(wanted, aims, strict=True)]

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
        self.reading.prepare(units, dict.fromkeys(aim.layers for aim in wanted if aim.layers))

    def natural_order(self, aim: Aim) -> tuple[np.ndarray, FloatArray]:
        """Numbers of the pool's stimuli, most extreme in the goal's direction first, and their activations of the unit.

        For a pattern, their distances from it.
        """
        values = _of_goal(self.natural_activations(aim.controlled), aim)
        if aim.goal == "level":
            order = np.argsort(np.abs(values - (aim.level or 0.0)), kind="stable")
        else:
            order = np.argsort(values if aim.goal in ("suppress", "pattern") else -values, kind="stable")
        return order, values[order]

    def natural_activations(self, units: Sequence[Unit]) -> FloatArray:
        """Activations (stimulus, unit) over the pool."""
        return self.reading.units(units)

    def standardisation(self, units: Sequence[Unit]) -> tuple[FloatArray, FloatArray]:
        """Mean and standard deviation (unit,) over the pool, to z-score units."""
        values = self.natural_activations(units)
        return values.mean(0), np.maximum(values.std(0), 1e-6)

    def null_rows(self, reference: Stimulus, layers: Sequence[str]) -> pd.DataFrame:
        """Quantiles of the null for the set's null.tsv.gz."""
        percentile = np.linspace(0, 100, 201)
        parts = []
        for measure in MEASURES:
            values = np.percentile(self.null(layers).values(measure, self.pool.recognise(reference)), percentile)
            parts.append(pd.DataFrame({"measure": measure, "percentile": percentile, "value": values}))
        return pd.concat(parts)

    def _compared(self, batch: torch.Tensor, aim: Aim) -> FloatArray:
        """The unit and the others (unit,) of one stimulus as a one_hot goal compares them.

        In z-scores over the pool, or of fitted sites by their measured responses; in activations where the goal was set so.
        """
        assert aim.unit is not None
        units = [aim.unit, *aim.others]
        fitted = in_z_scores(units) if aim.zscore else None
        values = read_units(self.observer, batch, fitted or units)[0].double().cpu().numpy()
        if fitted is not None or not aim.zscore:
            return values
        mean, std = self.standardisation(units)
        return (values - mean) / std


def _of_goal(values: FloatArray, aim: Aim) -> FloatArray:
    """What a goal is judged by (stimulus,): the activation (stimulus, 1) of its unit, or the distance from its pattern."""
    return values[:, 0] if aim.unit is not None else np.sqrt(((values - np.array(aim.pattern)) ** 2).mean(1))


def profile_of(
    observer: Observer, stimulus: Stimulus, reference: Stimulus, layers: Sequence[str]
) -> dict[str, Measured]:
    """Match in dB, Pearson and Spearman at each of an observer's layers."""
    with torch.no_grad():
        read = observer.activations(_batch(observer, stimulus, reference), list(layers))
    return {layer: _compare(*read[layer].flatten(1).double().cpu().numpy()) for layer in layers}


def match_of(observer: Observer, stimulus: Stimulus, reference: Stimulus, layers: Sequence[str]) -> Measured:
    """Match in dB, Pearson and Spearman of layers, jointly, and whether the observer decides the same on both stimuli."""
    decided = [_decision(observer, one, layers) for one in (stimulus, reference)]
    return _joint(profile_of(observer, stimulus, reference, layers)) | {"same_class": _same(*decided)}


def resampled(observer: Observer, resampler: str, stimulus: Stimulus, reference: Stimulus) -> tuple[Stimulus, Stimulus]:
    """Two sounds as the observer hears them after another program's resampler (``synthstim.modalities.sound.RESAMPLERS``).

    Raises:
        InputError: no resampler has this name, or the observer is of images.
    """
    given = observer.input
    if not isinstance(given, SoundInput):
        raise InputError(f"{observer.name} is shown images, which are not resampled: leave the resampler out")
    stimulus, reference = (
        heard_through(resampler, one, given.rate, given.network_rate) for one in (stimulus, reference)
    )
    return stimulus, reference


def _joint(profile: dict[str, Measured]) -> Measured:
    return {name: float(joined(name, [value[name] for value in profile.values()])) for name in MEASURES}


def _decision(observer: Observer, stimulus: Stimulus, layers: Sequence[str]) -> Hashable:
    decided = observer.decide(_batch(observer, stimulus), layers)
    return None if decided is None else decided[0]


def _same(one: Hashable, other: Hashable) -> bool | None:
    return None if one is None or other is None else one == other


def _batch(observer: Observer, *stimuli: Stimulus) -> torch.Tensor:
    return torch.from_numpy(np.stack(stimuli)).to(observer.device, observer.dtype)


def _compare(features: FloatArray, wanted: FloatArray) -> dict[str, FloatArray]:
    error = np.linalg.norm(features - wanted) / max(float(np.linalg.norm(wanted)), 1e-30)
    constant = np.ptp(features) == 0 or np.ptp(wanted) == 0
    return {
        "match_db": np.float64(-20 * np.log10(max(error, 1e-12))),
        "pearson": np.float64(0.0 if constant else _correlation(features, wanted)),
        "spearman": np.float64(0.0 if constant else _correlation(ranks(features), ranks(wanted))),
    }


def _correlation(one: FloatArray, other: FloatArray) -> float:
    one, other = one - one.mean(), other - other.mean()
    return float(np.clip((one / np.linalg.norm(one)) @ (other / np.linalg.norm(other)), -1.0, 1.0))


def _percentile(sorted_values: FloatArray, value: float) -> float:
    return 100.0 * float(np.searchsorted(sorted_values, value, side="left")) / max(len(sorted_values), 1)
