"""The methods by name, and what all of them share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import nn

from synthstim.encoding.descent import Descent
from synthstim.encoding.features import Features, Values
from synthstim.encoding.ridge import Ridge
from synthstim.encoding.scores import FoldScores
from synthstim.errors import InputError
from synthstim.kinds import READOUTS
from synthstim.models import Axes, Observer


class Method(Protocol):
    """How one layer is fitted: candidates are compared on held-out stimuli, then one a site is fitted to all.

    Attributes:
        name: as commands have it.
        module: class of the read-outs it fits; its ``facts`` and its tensors make one again, by ``of``.
    """

    name: str
    module: ClassVar[Any]

    @property
    def candidates(self) -> tuple[float, ...]:
        """What is chosen among."""

    def cross_validate(self, features: Features, responses: Values, folds: NDArray[np.int64]) -> FoldScores:
        """Scores of every candidate on every fold."""

    def fit(self, features: Features, responses: Values, candidates: NDArray[np.int64]) -> nn.Module:
        """The read-out (batch, *layer) -> (batch, site)."""


def resolve_method(method: str | Method, observer: Observer) -> Method:
    """The method of this name, on the observer's device.

    Raises:
        InputError: the name is unknown.
    """
    if not isinstance(method, str):
        return method
    made: Method = READOUTS[method]()
    return replace(made, device=str(observer.device)) if isinstance(made, Descent) else made


def mask_axes(method: Method, observer: Observer, layers: list[str]) -> dict[str, Axes | None]:
    """The axes of the layers that a mask is to be put on; None for a method without masks.

    Raises:
        InputError: a layer has no space, or its axes are in doubt.
    """
    if not isinstance(method, Descent):
        return dict.fromkeys(layers)
    for layer in layers:
        if len(observer.layers[layer]) not in (2, 3):
            raise InputError(
                f"{layer} of {observer.name} has the shape {observer.layers[layer]}, no space to put a mask on",
                "fit it with ridge or pls",
            )
    return {layer: observer.axes_of(layer) for layer in layers}


def held_out_scores(
    method: Method, features: Features, folds: NDArray[np.int64], responses: Values, shuffled: Values | None
) -> list[FoldScores]:
    """Scores of responses (stimulus, site), and of shuffled ones if there are any."""
    if shuffled is None:
        return [method.cross_validate(features, responses, folds)]
    if isinstance(method, Ridge):
        # One eigendecomposition serves both.
        both = method.cross_validate(features, np.concatenate([responses, shuffled], 1), folds)
        width = responses.shape[1]
        parts = (slice(width), slice(width, None))
        return [FoldScores(both.error[..., part], both.r[..., part], both.predicted[..., part]) for part in parts]
    null = method
    if isinstance(method, Descent):
        # There is nothing to find, whatever the strength: the middle one will do.
        null = replace(method, strengths=(method.strengths[len(method.strengths) // 2],))
    return [method.cross_validate(features, responses, folds), null.cross_validate(features, shuffled, folds)]


def settings_of(method: Method) -> dict[str, Any]:
    """A method's settings, for the provenance."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(method).items()}
