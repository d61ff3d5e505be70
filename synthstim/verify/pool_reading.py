"""What an observer makes of the natural pool: read in one pass for all that is asked for, and kept for the next time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch

from synthstim.models import Observer, Unit, units_in
from synthstim.verify.array_cache import keep, recall
from synthstim.verify.null import MEASURES, FloatArray, Null, joined, pairs_of
from synthstim.verify.pool import NaturalPool

MOST_STIMULI = 128
MOST_NUMBERS = 120_000_000
# Stimuli that are read in any case, whatever is kept: where they say otherwise, all is read anew.
_PROBED = 2
# A unit's values agree within this share of their spread, correlations within it, matches within as many decibels.
_AGREE = 0.01

# All pairs of the first so many stimuli of each origin, at a layer.
Pairs = tuple[str, int]


class PoolReading:
    """Units' activations over a pool, and the matches of its pairs at layers.

    What was read before on this machine, by the same weights of the same architecture from the same stimuli, is found
    again; two stimuli are read whatever is kept, so that a network whose code has changed is noticed.

    Args:
        pool: natural stimuli as the observer is given them.
    """

    def __init__(self, observer: Observer, pool: NaturalPool) -> None:
        self.observer = observer
        self.pool = pool
        self._found: dict[Unit | Pairs, FloatArray] = {}

    def units(self, units: Sequence[Unit]) -> FloatArray:
        """Activations (stimulus, unit) over the pool."""
        self.prepare(units)
        return np.stack([self._found[unit] for unit in units], 1)

    def null(self, layers: Sequence[str]) -> Null:
        """Matches of all pairs of natural stimuli at the layers, jointly when there are several.

        At most 128 stimuli are used, fewer at very large layers.
        """
        self.prepare((), [layers])
        count = self._count(layers)
        parts = [dict(zip(MEASURES, self._found[layer, count], strict=True)) for layer in layers]
        pairs = {measure: joined(measure, [part[measure] for part in parts]) for measure in MEASURES}
        return Null(pairs, self.pool.origin[self.pool.subset(count)])

    def prepare(self, units: Iterable[Unit] = (), nulls: Iterable[Sequence[str]] = ()) -> None:
        """Read all of this at once: a pass through the pool costs more than what is read in it."""
        asked: list[Unit | Pairs] = [*units, *((layer, self._count(layers)) for layers in nulls for layer in layers)]
        new = [one for one in dict.fromkeys(asked) if one not in self._found]
        if not new:
            return
        known = self._recalled(new)
        for part in self._passes([one for one in new if one not in known]):
            for one, values in self._read(part, len(self.pool)).items():
                known[one] = values
                if _can_be_kept(one):
                    keep(self._facts(one), values)
        self._found |= known

    def _recalled(self, new: Sequence[Unit | Pairs]) -> dict[Unit | Pairs, FloatArray]:
        kept = {one: values for one in new if _can_be_kept(one) and (values := recall(self._facts(one))) is not None}
        if not kept:
            return {}
        probed = self._read(list(kept), _PROBED)
        return {one: values for one, values in kept.items() if _agree(values, probed[one])}

    def _passes(self, new: Sequence[Unit | Pairs]) -> Iterator[list[Unit | Pairs]]:
        """What is read together: all units, and layers as far as their activations fit into memory at once."""
        part: list[Unit | Pairs] = [one for one in new if isinstance(one, Unit)]
        numbers = 0
        for one in new:
            if isinstance(one, Unit):
                continue
            size = one[1] * int(np.prod(self.observer.layers[one[0]]))
            if part and numbers and numbers + size > MOST_NUMBERS:
                yield part
                part, numbers = [], 0
            part.append(one)
            numbers += size
        if part:
            yield part

    def _read(self, wanted: Sequence[Unit | Pairs], most: int) -> dict[Unit | Pairs, FloatArray]:
        """Read units of the pool's first ``most`` stimuli, and pairs of the first ``most`` that make pairs."""
        units = [one for one in wanted if isinstance(one, Unit)]
        chosen = {one: self.pool.subset(one[1])[:most] for one in wanted if not isinstance(one, Unit)}
        everything = np.arange(min(most, len(self.pool)) if units else 0)
        numbers = np.unique(np.concatenate([everything, *chosen.values()])).astype(np.int64)
        values: list[FloatArray] = []
        features: dict[Pairs, list[torch.Tensor]] = {one: [] for one in chosen}
        at = 0
        for batch in self.pool.batches(self.observer, numbers):
            here = numbers[at : at + len(batch)]
            at += len(batch)
            rows = {one: rows for one, some in chosen.items() if len(rows := np.flatnonzero(np.isin(here, some)))}
            layers = list(dict.fromkeys([*(unit.layer for unit in units), *(layer for layer, _ in rows)]))
            with torch.no_grad():
                read = self.observer.activations(batch, layers)
            if units:
                values.append(units_in(read, units, self.observer).double().cpu().numpy())
            for (layer, count), some in rows.items():
                features[layer, count].append(read[layer][torch.from_numpy(some)].flatten(1).float().cpu())
        found: dict[Unit | Pairs, FloatArray] = {}
        if units:
            found |= dict(zip(units, np.concatenate(values)[: len(everything)].T, strict=True))
        for one in chosen:
            found[one] = np.stack(list(pairs_of(torch.cat(features.pop(one)).numpy()).values()))
        return found

    def _count(self, layers: Sequence[str]) -> int:
        """How many stimuli make the pairs of a null at these layers."""
        size = sum(int(np.prod(self.observer.layers[layer])) for layer in layers)
        return max(2 * len(self.pool.names), min(MOST_STIMULI, MOST_NUMBERS // size))

    def _facts(self, one: Unit | Pairs) -> dict[str, Any]:
        return {**self._common, "what": repr(one)}

    @cached_property
    def _common(self) -> dict[str, Any]:
        observer = self.observer
        pool = hashlib.sha256(np.ascontiguousarray(self.pool.stored).view(np.uint8).data)
        pool.update(self.pool.origin.tobytes())
        return {
            "weights": observer.weights_sha256,
            "network": hashlib.sha256(repr(observer.module).encode()).hexdigest(),
            "input": repr(observer.input),
            "pool": pool.hexdigest(),
            "torch": torch.__version__,
            "device": observer.device.type,
            "dtype": str(observer.dtype),
        }


def null_distribution(observer: Observer, layers: Sequence[str], pool: NaturalPool) -> Null:
    """Matches of all pairs of natural stimuli at the layers, jointly when there are several.

    Example:
        >>> null = null_distribution(observer, ["blocks.1"], natural_pool(observer, count=16))
        >>> null.origin.shape
        (16,)
    """
    return PoolReading(observer, pool).null(layers)


def _can_be_kept(one: Unit | Pairs) -> bool:
    return not isinstance(one, Unit) or one.reader is None


def _agree(kept: FloatArray, probed: FloatArray) -> bool:
    if kept.ndim == 1:
        spread = float(kept.std()) or 1.0
        return bool(np.abs(kept[: len(probed)] - probed).max() <= _AGREE * spread)
    count = probed.shape[-1]
    return bool(np.abs(kept[:, :count, :count] - probed)[:, ~np.eye(count, dtype=bool)].max(initial=0.0) <= _AGREE)
