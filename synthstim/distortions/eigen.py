"""Eigendistortions: the changes of a stimulus that an observer notices most, and least (Berardino et al. 2017).

At a stimulus a layer answers a small change v by J v, its Jacobian's product. Of all changes of one length that answer is
longest for the first eigenvector of J' J, the Fisher information for Gaussian noise on the layer, and shortest for the last.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from synthstim.errors import InputError
from synthstim.models import Observer

METHODS = ("lanczos", "power")
# Length of the change, in display values or full scale, by whose central difference the Jacobian is applied.
STEP = 1e-4
MOST_PRODUCTS = 5000

FloatArray = NDArray[np.float64]
Product = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Eigendistortions:
    """Directions of change, from the most noticeable to the least.

    Attributes:
        directions: (direction, *shape) of length 1; signs are arbitrary, here the largest value is positive.
        eigenvalues: squared length of the layer's answer to a change of length 1.
        names: ``most_0``, ``most_1``, ..., ``least_1``, ``least_0``.
    """

    directions: Tensor = field(repr=False)
    eigenvalues: tuple[float, ...]
    names: tuple[str, ...]


def eigendistortions(
    observer: Observer,
    stimulus: Tensor,
    layers: Sequence[str],
    *,
    most: int = 1,
    least: int = 1,
    method: str = "lanczos",
    tolerance: float = 1e-4,
    seed: int = 0,
) -> Eigendistortions:
    """Directions in which a stimulus changes most, and least, to an observer.

    Computed in double precision. The Jacobian is never built: its transpose is applied by a backward pass, itself by a
    central difference, which every network has. Where the layers have fewer values than the stimulus, the least
    noticeable directions are not noticed at all (eigenvalue 0), and which of them is found depends on the seed.

    Args:
        observer: the model.
        stimulus: (1, *shape), as the observer is given it.
        layers: noticed jointly.
        most, least: how many of each.
        method: ``lanczos`` (Lehoucq, Sorensen & Yang 1998) or ``power``, one product at a time, as published.
        tolerance: relative, of eigenvalues; for the least, relative to the largest.
        seed: of the first guess.

    Raises:
        InputError: a layer is unknown, more directions are asked for than there are, the layers do not change, or the
            search does not converge.

    Example:
        >>> found = eigendistortions(observer, torch.full((1, *observer.input.shape), 0.5), ["blocks.0"], least=0)
        >>> found.names
        ('most_0',)
    """
    if method not in METHODS:
        raise InputError(f"method {method!r} is unknown", f"choose {' or '.join(METHODS)}", code="unknown")
    if len(stimulus) != 1:
        raise InputError(f"{len(stimulus)} stimuli given; expected one, (1, *shape)", code="mismatch")
    size = stimulus[0].numel()
    if min(most, least) < 0 or not 0 < most + least < size:
        raise InputError(f"{most} + {least} directions given; expected 1 to {size - 1} in all")
    first = np.random.default_rng(seed).standard_normal(size)
    solve = _lanczos if method == "lanczos" else _power
    kept = observer.network_dtype
    observer.to(dtype=torch.float64)
    try:
        product = _information(observer, stimulus.to(observer.device, torch.float64), layers)
        if not product(first).any():
            raise InputError(
                f"{', '.join(layers)} of {observer.name} does not change with the stimulus", code="no-gradient"
            )
        values, vectors = solve(product, first, max(most, 1), tolerance)
        largest = float(values[0])
        found = [(values[:most], vectors[:, :most])]
        if least:
            shortfall, last = solve(lambda change: largest * change - product(change), first, least, tolerance)
            found.append((np.maximum(largest - shortfall, 0)[::-1], last[:, ::-1]))
    finally:
        observer.to(dtype=kept)
    values, vectors = (np.concatenate(each, -1) for each in zip(*found, strict=True))
    vectors = vectors * np.sign(vectors[np.abs(vectors).argmax(0), np.arange(vectors.shape[1])])
    return Eigendistortions(
        torch.from_numpy(vectors.T.copy()).view(-1, *stimulus.shape[1:]),
        tuple(map(float, values)),
        (*(f"most_{number}" for number in range(most)), *(f"least_{number}" for number in reversed(range(least)))),
    )


def _information(observer: Observer, stimulus: Tensor, layers: Sequence[str]) -> Product:
    """The product of J' J with a change."""
    observer.require_gradient(layers)

    def answer(shown: Tensor) -> Tensor:
        read = observer.activations(shown, list(layers))
        return torch.cat([read[layer].flatten() for layer in layers])

    given = stimulus.clone().requires_grad_()
    answered = answer(given)

    def product(change: FloatArray) -> FloatArray:
        length = float(np.linalg.norm(change))
        step = torch.from_numpy(change * (STEP / length)).to(stimulus).view_as(stimulus)
        with torch.no_grad():
            moved = (answer(stimulus + step) - answer(stimulus - step)) * (length / (2 * STEP))
        (back,) = torch.autograd.grad(answered, given, moved, retain_graph=True)
        return back.flatten().cpu().numpy()

    return product


def _lanczos(product: Product, first: FloatArray, count: int, tolerance: float) -> tuple[FloatArray, FloatArray]:
    """The largest eigenvalues, the largest first, and their vectors (value, eigenvector)."""
    operator = LinearOperator((first.size, first.size), matvec=lambda change: product(change.ravel()), dtype=np.float64)
    try:
        values, vectors = eigsh(operator, k=count, which="LA", v0=first, tol=tolerance, maxiter=MOST_PRODUCTS // 20)
    except ArpackNoConvergence as error:
        raise _not_found(count, len(error.eigenvalues)) from None
    order = np.argsort(-values)
    return values[order], vectors[:, order]


def _power(product: Product, first: FloatArray, count: int, tolerance: float) -> tuple[FloatArray, FloatArray]:
    """The same by power iteration, one vector after the other, each kept apart from those before."""
    values: list[float] = []
    vectors = np.zeros((first.size, 0))
    for _ in range(count):
        vector, value = first - vectors @ (vectors.T @ first), math.inf
        for _ in range(MOST_PRODUCTS):
            vector = vector / np.linalg.norm(vector)
            moved = product(vector)
            moved -= vectors @ (vectors.T @ moved)
            before, value = value, float(vector @ moved)
            # The eigenvalue settles to the square of the vector's own error.
            if abs(value - before) <= tolerance**2 * abs(value) or not moved.any():
                break
            vector = moved
        else:
            raise _not_found(count, len(values))
        values.append(value)
        vectors = np.concatenate([vectors, vector[:, None]], 1)
    return np.array(values), vectors


def _not_found(count: int, found: int) -> InputError:
    return InputError(
        f"{found} of {count} directions found in {MOST_PRODUCTS} products", "allow a larger tolerance, or ask for fewer"
    )
