"""Read-outs fitted by gradient: a factorised mask, a Gaussian; every site, fold and penalty in one batch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from synthstim.encoding.descent_start import first_guess
from synthstim.encoding.features import Features, Values
from synthstim.encoding.maps import Maps
from synthstim.encoding.readouts import read_maps
from synthstim.encoding.scores import FoldScores, score_fold
from synthstim.errors import InputError

# What lies between two contractions of a chunk of replicas takes 64 MiB at most.
_MAX_FLOATS = 16_000_000
Positions = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Descent:
    """What the two read-outs share: Adam on squared error and penalties, with a rate that falls to zero.

    Attributes:
        strengths: candidates for the weight of the penalties, against squared error of responses of unit variance.
        steps, batch, rate: of Adam. The paper's rate is 0.01, from noise; from where this starts, and on features of one
            scale, ten times that settles in a tenth of the steps.
        seed: of the order in which stimuli are drawn.
        device: where to fit.
    """

    strengths: tuple[float, ...]
    steps: int = 200
    batch: int = 64
    rate: float = 0.1
    seed: int = 0
    device: str = "cpu"
    name = ""

    def __post_init__(self) -> None:
        if not self.strengths or min(self.strengths) < 0 or self.steps < 1 or self.batch < 1 or self.rate <= 0:
            raise InputError(f"{self} cannot be fitted; expected strengths from 0, and positive steps, batch and rate")

    @property
    def candidates(self) -> tuple[float, ...]:
        """What is chosen among."""
        return self.strengths

    def cross_validate(self, features: Features, responses: Values, folds: Positions) -> FoldScores:
        """Scores of every strength on every fold, each fitted to the other folds."""
        maps = Maps(features, self.device)
        shape = (int(folds.max()) + 1, len(self.strengths), responses.shape[1])
        # One replica for each fold, strength and site, in this order.
        fold, strength, site = (axis.ravel() for axis in np.indices(shape))
        fitted = self._descend(maps, responses, folds, site, fold, np.array(self.strengths)[strength])
        error, r = np.full(shape, np.nan), np.full(shape, np.nan)
        held_out = np.full((shape[1], *responses.shape), np.nan)
        variance = np.nanvar(responses, 0)
        for number in range(shape[0]):
            test = np.flatnonzero(folds == number)
            parts = [part.predict(maps.values[test], fold[part.rows] == number) for part in fitted]
            predicted = np.concatenate(parts, 1).reshape(len(test), *shape[1:]).transpose(1, 0, 2)
            error[number], r[number] = score_fold(predicted, responses[test], variance)
            held_out[:, test] = predicted
        return FoldScores(error, r, held_out)

    def fit(self, features: Features, responses: Values, candidates: Positions) -> nn.Module:
        """The read-out of all stimuli, with the candidate of each site."""
        maps = Maps(features, self.device)
        sites, stimuli = np.arange(responses.shape[1]), np.zeros(len(responses), dtype=np.int64)
        none = np.full_like(sites, -1)
        return self.readout(
            maps, self._descend(maps, responses, stimuli, sites, none, np.array(self.strengths)[candidates])
        )

    def start(self, maps: Maps, mask: Tensor, channels: Tensor) -> list[Tensor]:
        """What is optimised: the shape of a mask, then channel weights, from a mask (replica, place) and weights."""
        raise NotImplementedError

    def mask(self, maps: Maps, shape: list[Tensor]) -> Tensor:
        """(replica, place), of what ``start`` gave before the channel weights."""
        raise NotImplementedError

    def penalty(self, maps: Maps, mask: Tensor, channels: Tensor) -> Tensor:
        """(replica,)."""
        raise NotImplementedError

    def readout(self, maps: Maps, fitted: list[Replicas]) -> nn.Module:
        """The module that the fit stands for."""
        raise NotImplementedError

    def _descend(
        self, maps: Maps, responses: Values, folds: Positions, site: Positions, held_out: Positions, strengths: Values
    ) -> list[Replicas]:
        """Fit replicas, each of a site, without a fold, in chunks that bound memory."""
        channels, places = maps.values.shape[1:]
        step = max(1, _MAX_FLOATS // max(min(channels, places) * self.batch, channels + places))
        out = []
        for start in range(0, len(site), step):
            rows = slice(start, min(start + step, len(site)))
            chosen = responses[:, site[rows]]
            known = np.isfinite(chosen) & (folds[:, None] != held_out[rows])
            out.append(self._descend_chunk(maps, chosen, known, strengths[rows], rows))
        return out

    def _descend_chunk(
        self, maps: Maps, responses: Values, known: NDArray[np.bool_], strengths: Values, rows: slice
    ) -> Replicas:
        values = maps.values
        target, mean, spread = _standardised(responses, known)
        # A stimulus counts for a replica only where it is known; errors are means over those that are.
        weight = known / np.maximum(known.mean(0), 1e-12)
        y, w, strength = (torch.from_numpy(part).to(values) for part in (target, weight, strengths))
        free = [part.requires_grad_() for part in (*self.start(maps, *first_guess(values, y)), torch.zeros_like(y[0]))]
        optimiser = torch.optim.Adam(free, lr=self.rate)
        for number, chosen in enumerate(_order(len(values), self.batch, self.steps, self.seed)):
            optimiser.param_groups[0]["lr"] = self.rate * 0.5 * (1 + math.cos(math.pi * number / self.steps))
            *shape, channels, bias = free
            mask = self.mask(maps, shape)
            error = (w[chosen] * (read_maps(values[chosen], mask, channels) + bias - y[chosen]) ** 2).mean(0)
            # The sum over replicas: none of them changes another's gradient.
            loss = (error + strength * self.penalty(maps, mask, channels)).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        *shape, channels, bias = (part.detach() for part in free)
        return Replicas(rows, shape, self.mask(maps, shape), channels, bias, mean, spread)


@dataclass(frozen=True)
class Replicas:
    """Fitted replicas: some rows of all that were to be fitted.

    Attributes:
        rows: which of them.
        shape: what the mask is made of.
        mask, channels, bias: (replica, place), (replica, channel), (replica,): of standardised responses.
        mean, spread: (replica,) of the responses fitted to.
    """

    rows: slice
    shape: list[Tensor]
    mask: Tensor
    channels: Tensor
    bias: Tensor
    mean: Values
    spread: Values

    def predict(self, maps: Tensor, which: NDArray[np.bool_]) -> Values:
        """(stimulus, replica) of some of the replicas, in the units of the responses."""
        chosen = torch.from_numpy(np.flatnonzero(which)).to(maps.device)
        read = read_maps(maps, self.mask[chosen], self.channels[chosen]) + self.bias[chosen]
        return read.double().cpu().numpy() * self.spread[which] + self.mean[which]


def _standardised(responses: Values, known: NDArray[np.bool_]) -> tuple[Values, Values, Values]:
    """Responses of zero mean and unit variance over what is known, 0 elsewhere; their mean and spread."""
    count = np.maximum(known.sum(0), 1)
    mean = np.where(known, responses, 0.0).sum(0) / count
    spread = np.sqrt((np.where(known, responses - mean, 0.0) ** 2).sum(0) / count)
    spread = np.where(spread > 0, spread, 1.0)
    return np.where(known, (responses - mean) / spread, 0.0), mean, spread


def on_the_layer(maps: Maps, mask: Tensor, fitted: list[Replicas]) -> tuple[Tensor, Tensor]:
    """Channel weights and biases that give, on the layer's own maps, what the replicas give on ``maps.values``."""
    spread, mean = (torch.from_numpy(np.concatenate([getattr(part, name) for part in fitted])).to(mask) for name in ("spread", "mean"))  # fmt: skip
    channels = torch.cat([part.channels for part in fitted]) / maps.scale * spread[:, None]
    bias = torch.cat([part.bias for part in fitted]) * spread + mean
    return channels.cpu(), (bias - read_maps(maps.mean[None], mask, channels)[0]).cpu()


def _order(count: int, batch: int, steps: int, seed: int) -> list[Tensor]:
    """Batches of stimuli, each pass through all of them in another order."""
    generator = torch.Generator().manual_seed(seed)
    size = min(batch, count)
    per_pass = max(1, count // size)
    out: list[Tensor] = []
    while len(out) < steps:
        shuffled = torch.randperm(count, generator=generator)
        out += [shuffled[start * size : (start + 1) * size] for start in range(per_pass)]
    return out[:steps]
