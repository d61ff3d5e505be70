"""Shapes of psychometric functions: psignifit's own, by SciPy's special functions, which take a tenth of the time of its frozen distributions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtr, ndtri

from synthstim.errors import InputError, nearest

# A function's width leaves so much of its way out at either end.
ALPHA = 0.05
_Array = NDArray[np.float64]
# What each is called here and by psignifit; then its distribution, its density and its quantiles, in units of its scale.
_SHAPES: dict[str, tuple[str, Callable[[_Array], _Array], Callable[[_Array], _Array], Callable[[_Array], _Array]]] = {
    "normal": ("Gaussian", ndtr, lambda z: np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi), ndtri),
    "logistic": ("Logistic", expit, lambda z: expit(z) * expit(-z), logit),
    "gumbel": (
        "Gumbel", lambda z: -np.expm1(-np.exp(z)), lambda z: np.exp(z - np.exp(z)), lambda share: np.log(-np.log1p(-share)),
    ),
}  # fmt: skip
NORMAL, SIGMOIDS = "normal", tuple(_SHAPES)


def require_sigmoid(name: str) -> None:
    """Raise InputError unless there is such a shape."""
    if name not in _SHAPES:
        raise InputError(f"sigmoid is {name!r}, {nearest(name, SIGMOIDS)}", code="unknown", value=name)


def sigmoid_of(name: str, target: float) -> Any:
    """psignifit's function of a shape, whose threshold is ``target`` of the way up."""
    from psignifit import sigmoids

    kind, distribution, density, quantiles = _SHAPES[name]

    class Fast(getattr(sigmoids, kind)):  # type: ignore[misc]
        def _ppf(self, x: Any, loc: Any = 0, scale: Any = 1) -> Any:
            return quantiles(np.asarray(x, float)) * scale + loc

        def _pdf(self, x: Any, loc: Any = 0, scale: Any = 1) -> Any:
            return density((np.asarray(x) - loc) / scale) / scale

        def _cdf(self, x: Any, loc: Any = 0, scale: Any = 1) -> Any:
            return distribution((np.asarray(x) - loc) / scale)

    return Fast(PC=target, alpha=ALPHA)
