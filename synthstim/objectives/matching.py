"""Matching a reference: metamers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer
from synthstim.objectives.base import Activations, Objective, ScoreFunction, Scorer
from synthstim.objectives.sensitivity import noise_weights, weighed


def match(
    references: Tensor,
    layers: Sequence[str],
    *,
    metric: str = "l2",
    joined: str = "mean",
    weighted: bool = False,
    through_rectifiers: bool = True,
) -> Objective:
    """Make the observer unable to tell a stimulus from its reference: a metamer (Feather et al. 2019, 2023).

    The score is the match in dB, -20 log10(|features - reference features| / |reference features|), joined over the
    layers; or the Pearson correlation.

    Args:
        references: (1 or batch, channel, y, x) display values in [0, 1].
        layers: matched jointly.
        metric: ``l2`` for dB, or ``pearson``.
        joined: of several layers in dB, ``mean`` is that of the mean squared ratio. ``worst`` is that of the 4-norm of the
            squared ratios: no layer is matched less well than the score says, and the worst of n at most 2.5 log10(n)
            better, so that a target holds for all.
        weighted: whether the search goes by all values of all layers, each under its ``noise_weights``, while a target is
            compared with the match as joined: statistics of unlike kinds are matched in a fraction of the evaluations.
        through_rectifiers: whether a matched rectifier passes gradients on unchanged, as the authors did.

    Example:
        >>> match(images[:1], ["blocks.1", "blocks.2"])
        match(blocks.1 + blocks.2)
    """
    if metric not in ("l2", "pearson"):
        raise InputError(f"metric {metric!r} is unknown", "choose l2 or pearson", code="unknown")
    if joined not in ("mean", "worst"):
        raise InputError(f"layers joined by {joined!r} are unknown", "choose mean or worst")
    if not layers:
        raise InputError("a metamer needs at least one layer to match", code="too-few")
    if weighted and metric != "l2":
        raise InputError(f"weights and metric {metric!r} given; expected l2", "leave one of them out")
    layers = tuple(dict.fromkeys(layers))

    def bind(observer: Observer, items: int) -> Scorer:
        if references.shape[0] not in (1, items):
            raise InputError(
                f"{references.shape[0]} references given for {items} items", "give one for all or one for each"
            )
        shown = references.to(observer.device, observer.dtype)
        with torch.no_grad():
            features = observer.activations(shown, layers)
        targets = [features[layer].expand(items, *features[layer].shape[1:]) for layer in layers]
        if metric == "pearson":
            targets = [_standardised(target) for target in targets]
        powers = torch.stack([target.flatten(1).square().sum(1) for target in targets], 1)
        if (powers <= 0).any():
            raise InputError(
                f"the reference evokes no activity in {layers[int((powers <= 0).any(0).int().argmax())]}",
                "choose another layer",
            )
        through = layers if through_rectifiers else ()
        matched = _correlation(layers) if metric == "pearson" else _decibels(layers, joined)
        held: tuple[Tensor, ...] = (*targets, powers)
        if not weighted:
            return Scorer(matched, layers, through, held, aim=matched, decibels=metric == "l2")
        weights, directions = (each.expand(items, *each.shape[1:]) for each in noise_weights(observer, shown, layers))
        wanted = weighed(targets, weights, directions)
        held = (*held, weights, directions, wanted, wanted.square().sum(1))
        return Scorer(_under_weights(layers), layers, through, held, aim=matched, decibels=True)

    return Objective(bind, f"match({' + '.join(layers)})")


def _decibels(layers: Sequence[str], joined: str) -> ScoreFunction:
    """The match in dB; held are each layer's target, then their powers."""

    def decibels(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
        errors = [(read[layer] - held[at]).flatten(1).square().sum(1) for at, layer in enumerate(layers)]
        ratios = torch.stack(errors, 1) / held[len(layers)]
        return _in_decibels(ratios.mean(1) if joined == "mean" else _fourth_norm(ratios))

    return decibels


def _correlation(layers: Sequence[str]) -> ScoreFunction:
    """The mean correlation; held are each layer's target, standardised."""

    def correlation(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
        return torch.stack(
            [(_standardised(read[layer]) * held[at]).flatten(1).sum(1) for at, layer in enumerate(layers)]
        ).mean(0)

    return correlation


def _under_weights(layers: Sequence[str]) -> ScoreFunction:
    """The match in dB of all values under weights; held are, behind those of dB, the weights, directions, the target and its power."""

    def under_weights(_stimuli: Tensor, read: Activations, held: tuple[Tensor, ...]) -> Tensor:
        *_, weights, directions, wanted, power = held
        error = weighed([read[layer] for layer in layers], weights, directions) - wanted
        return _in_decibels(error.square().sum(1) / power)

    return under_weights


def _in_decibels(ratio: Tensor) -> Tensor:
    return -10 * torch.log10(ratio.clamp_min(torch.finfo(ratio.dtype).tiny))


def _fourth_norm(ratios: Tensor) -> Tensor:
    """4-norm of each row; scaled first, as the fourth power of a small ratio would leave single precision."""
    largest = ratios.detach().amax(1, keepdim=True).clamp_min(torch.finfo(ratios.dtype).tiny)
    return largest[:, 0] * (ratios / largest).norm(p=4, dim=1)


def _standardised(values: Tensor) -> Tensor:
    flat = values.flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    return (centred / centred.norm(dim=1, keepdim=True).clamp_min(1e-12)).view_as(values)
