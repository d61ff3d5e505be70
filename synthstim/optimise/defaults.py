"""What a search begins with where nobody chose: the latents and the optimiser that the studies in docs/ found best."""

from __future__ import annotations

from typing import Any

from synthstim.kinds import PARAMETRISATIONS
from synthstim.models import Observer
from synthstim.optimise.ascent import Adam
from synthstim.optimise.base import Optimiser
from synthstim.parametrise import Parametrisation


def usual(observer: Observer, *, matching: bool) -> tuple[Parametrisation, Optimiser]:
    """The parametrisation and the optimiser for an observer's modality.

    Args:
        matching: whether a reference is matched, rather than a unit controlled.

    Example:
        >>> from synthstim.models import load_model
        >>> usual(load_model(size=(64, 64)), matching=True)[1]
        LBFGS(history=20, step=0.05)
    """
    modality = observer.input.modality
    if (synthesis := modality.part("synthesis")) is not None:
        chosen: tuple[Parametrisation, Optimiser] = synthesis.usual(observer.input, matching=matching)
        return chosen
    offer: Any = PARAMETRISATIONS[modality.parametrisations[0]]
    return offer.build(observer.input, None), Adam()
