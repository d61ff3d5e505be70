"""How a network of smelling is wired, by the analyses of Wang et al. 2021: glomeruli of one receptor type, inputs of Kenyon cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synthstim.models.smelling.olfaction import NEURONS, Olfaction

# Weights below this are as good as none; logarithms begin here.
_LEAST = 1e-5


@dataclass(frozen=True)
class Wiring:
    """What the connections of a network show.

    Attributes:
        glomerular_score: mean over glomeruli of (w1 - w2) / (w1 + w2), the strongest receptor type's weight and the second's; 1
            where each glomerulus hears one type.
        types: receptor types that are the strongest of a glomerulus.
        threshold: weight above which a connection counts.
        inputs: glomeruli that a Kenyon cell hears, mean over the cells that hear any.
        spread: standard deviation of these.
    """

    glomerular_score: float
    types: int
    threshold: float
    inputs: float
    spread: float


def wiring(network: Olfaction) -> Wiring:
    """Analyse the connections of a network.

    Example:
        >>> wiring(Olfaction(kenyon_cells=50)).glomerular_score < 0.2
        True
    """
    copies = network.glomeruli.weight.detach().abs().double()
    by_type = copies.unflatten(1, (-1, NEURONS)).mean(2)
    first, second = by_type.topk(2, dim=1).values.T
    claws = network.claws.weight.detach().abs().double().numpy()
    threshold = threshold_of(claws)
    counts = (claws > threshold).sum(1)
    heard = counts[counts > 0]
    return Wiring(
        float(((first - second) / (first + second).clamp_min(_LEAST)).mean()),
        int(by_type.argmax(1).unique().numel()),
        threshold,
        float(heard.mean()) if len(heard) else 0.0,
        float(heard.std()) if len(heard) else 0.0,
    )


def threshold_of(weights: NDArray[np.float64]) -> float:
    """The weight between the two heaps of a distribution of weights: connections that are there, and those that are not.

    Logarithms of the weights are a mixture of two normal distributions; the threshold is where a weight is as likely of
    the one as of the other. Weights that were pruned to nothing are the lower heap.

    Example:
        >>> heaps = np.exp(np.random.default_rng(0).normal(np.repeat([-7.0, -2.0], 500), 0.5))
        >>> 0.005 < threshold_of(heaps) < 0.03
        True
    """
    from sklearn.mixture import GaussianMixture

    logs = np.log(np.maximum(weights.ravel(), _LEAST))
    mixture = GaussianMixture(2, means_init=np.quantile(logs, [[0.05], [0.95]]), random_state=0).fit(logs[:, None])
    low, high = np.sort(mixture.means_[:, 0])
    between = np.linspace(low, high, 2001)
    upper = mixture.predict_proba(between[:, None])[:, int(mixture.means_[:, 0].argmax())]
    return float(np.exp(between[int((upper >= 0.5).argmax())]))
