"""Images that would teach the model most, chosen before they are shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from synthstim.encoding import Stimuli
from synthstim.models import Axes, Observer

# Maps are averaged to so many cells a side: what matters is what is in an image, and roughly where.
CELLS = 4
# Prior precision of the read-out's weights against the noise, on features of unit mean square.
RIDGE = 0.1
_AT_ONCE = 32
Features = NDArray[np.float64]


def layer_features(observer: Observer, stimuli: Stimuli, layers: Sequence[str]) -> Features:
    """(image, feature) activations of some layers, averaged to ``CELLS`` x ``CELLS`` cells, in single precision or better."""
    parts, axes = [], observer.axes.all()
    for at in range(0, len(stimuli), _AT_ONCE):
        batch = stimuli.batch(range(at, min(at + _AT_ONCE, len(stimuli)))).to(observer.device, observer.dtype)
        with torch.no_grad():
            read = observer.activations(batch, list(layers))
        parts.append(
            torch.cat([_coarse(read[layer], axes[layer]) for layer in layers], 1).cpu().numpy().astype(np.float64)
        )
    return np.concatenate(parts)


def most_informative(shown: Features, candidates: Features, count: int) -> list[int]:
    """Which candidates a linear read-out, fitted to what was shown, knows least of: a D-optimal design, greedily.

    Under a ridge prior the variance of the prediction for features x is x' (X'X + ridge)^-1 x, whatever the responses. Each
    choice is the candidate of the largest variance, after which it counts as shown; so the choices differ from one another
    too. Fedorov (1972), Theory of optimal experiments; MacKay (1992), Neural Computation 4, 590.

    Args:
        shown: (image, feature).
        candidates: (candidate, feature).

    Returns:
        Numbers of candidates, the most informative first.

    Example:
        >>> most_informative(np.eye(3)[:1], np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 1]]), 2)
        [1, 2]
    """
    scale = np.sqrt(np.mean(shown**2) * shown.shape[1]) or 1.0
    x, z = shown / scale, candidates / scale
    # Over images, not over features: there are fewer of them.
    inner = x @ x.T + RIDGE * np.eye(len(x))
    across = np.linalg.solve(inner, x @ z.T)
    covariance = z @ z.T - (z @ x.T) @ across
    chosen: list[int] = []
    for _ in range(min(count, len(z))):
        variance = covariance.diagonal().copy()
        variance[chosen] = -np.inf
        at = int(variance.argmax())
        chosen.append(at)
        column = covariance[:, at]
        covariance = covariance - np.outer(column, column) / (column[at] + RIDGE)
    return chosen


def random_pattern(
    sites: Sequence[str], generator: np.random.Generator, *, most: int = 6, size: float = 1.5
) -> dict[str, float]:
    """A z-score of plus or minus ``size`` for up to ``most`` sites: combinations that photographs do not bring."""
    chosen = generator.permutation(len(sites))[:most]
    return {sites[at]: float(size * generator.choice([-1, 1])) for at in sorted(chosen)}


def _coarse(values: torch.Tensor, axes: Axes | None) -> torch.Tensor:
    if axes is not None and axes.has_grid:
        maps = axes.maps(values)
        rows, columns = (min(CELLS, side) for side in maps.shape[2:])
        values = torch.nn.functional.adaptive_avg_pool2d(maps, (rows, columns))
    return values.flatten(1)
