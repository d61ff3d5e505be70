"""How far small noise moves what layers hold: weights under which all of it is matched at about the same pace."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthstim.models import Observer

DRAWS = 8
# Root mean square of the noise, in the units of stimuli: small, and well above the rounding of single precision.
NOISE = 1e-3
# The least sensitivity that counts, as a share of the greatest.
FLOOR = 1e-4
POWER = 0.7


def noise_weights(observer: Observer, references: Tensor, layers: Sequence[str]) -> list[Tensor]:
    """What each value of the layers counts for: the less, the farther white noise at a stimulus moves it.

    The squared error of values so different as kurtoses and correlations has a valley as many times longer than wide as
    their gradients differ in length. White noise measures those lengths without a backward pass (Hutchinson 1989), and
    values divided by a power of them are matched at about the same pace. Layers of small values, such as one variance,
    are raised by a power of their length, the observer's ``evenness``. The powers are those that served best on brick and grass
    (benchmarks/texture.py), and in windows on one photograph (benchmarks/foveated.py).

    Args:
        references: (batch, *shape), where sensitivity is measured.

    Returns:
        (batch, ...) weights, for a layer each.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        resting = observer.activations(references, layers)
        squares = [torch.zeros_like(resting[layer]) for layer in layers]
        for _ in range(DRAWS):
            noise = NOISE * torch.randn(references.shape[1:], generator=generator).to(references)
            moved = observer.activations(references + noise, layers)
            for square, layer in zip(squares, layers, strict=True):
                square += (moved[layer] - resting[layer]).square()
        sensitivities = [square.sqrt() for square in squares]
        most = torch.stack([each.flatten(1).amax(1) for each in sensitivities]).amax(0)
        least = FLOOR * most.clamp_min(torch.finfo(references.dtype).tiny)
        weights = [each.maximum(least.view(-1, *[1] * (each.ndim - 1))).pow(-POWER) for each in sensitivities]
        lengths = [(each * resting[layer]).flatten(1).norm(dim=1) for each, layer in zip(weights, layers, strict=True)]
        longest = torch.stack(lengths).amax(0)
        tiny = torch.finfo(longest.dtype).tiny
        raised = [length.maximum(FLOOR**2 * longest).clamp_min(tiny).pow(-observer.evenness) for length in lengths]
        return [each * factor.view(-1, *[1] * (each.ndim - 1)) for each, factor in zip(weights, raised, strict=True)]
