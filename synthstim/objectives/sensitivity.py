"""How far small noise moves what layers hold, and what moves together: weights under which all of it is matched at one pace."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthstim.models import Observer
from synthstim.models.textures import of_part

# Draws of noise at a whole stimulus; or, where parts are alike, at each of so many parts.
DRAWS = 8
PARTS, DRAWS_AT_A_PART = 16, 16
# Root mean square of the noise, in the units of stimuli: small, and well above the rounding of single precision.
NOISE = 1e-3
# The least sensitivity that counts, as a share of the greatest.
FLOOR = 1e-4
POWER = 0.7
# The same for directions: their shares are of variance, and so are the powers.
DIRECTION_FLOOR = 1e-3
DIRECTION_POWER = 0.4


def noise_weights(observer: Observer, references: Tensor, layers: Sequence[str]) -> tuple[Tensor, Tensor]:
    """What each value of the layers counts for, and what is taken out along directions: the more, the farther noise moves it.

    The squared error of values so different as kurtoses and correlations has a valley as many times longer than wide as
    their gradients differ in length. White noise measures those lengths without a backward pass (Hutchinson 1989), and
    values divided by a power of them are matched at about the same pace. Layers of small values, such as one variance,
    are raised by a power of their length, the observer's ``evenness``.

    Values that move together, such as autocorrelations at neighbouring lags, form long valleys all the same. Where parts
    of a stimulus are alike, as those of a texture, noise at many small ones shows along which directions, and what lies
    along these is divided by a power as well. All powers are those that served best on brick and grass (benchmarks/texture.py),
    and in windows on one photograph (benchmarks/foveated.py).

    Args:
        references: (batch, *shape), where sensitivity is measured.

    Returns:
        (batch, value) weights of the values of all layers side by side, and (batch, direction, value) directions, for
        ``weighed``.
    """
    found: list[tuple[Tensor, Tensor]] = []
    with torch.no_grad():
        part = of_part(observer)
        for number, reference in enumerate(references):
            same = [at for at in range(number) if torch.equal(references[at], reference)]
            found.append(found[same[0]] if same else _weights_at(observer, part, reference, layers))
    weights, directions = zip(*found, strict=True)
    return torch.stack(weights), torch.stack(directions)


def weighed(values: Sequence[Tensor], weights: Tensor, directions: Tensor) -> Tensor:
    """Values (batch, ...) of all layers side by side under their weights, (batch, value), less what lies along directions."""
    flat = _side_by_side(values) * weights
    along = torch.bmm(directions, flat[..., None])
    return flat - torch.bmm(directions.mT, along)[..., 0]


def _weights_at(
    observer: Observer, part: Observer | None, reference: Tensor, layers: Sequence[str]
) -> tuple[Tensor, Tensor]:
    resting = [values[0].flatten() for values in _read(observer, reference[None], layers)]
    moves = _moves(part or observer, _shown(part, reference), layers, DRAWS_AT_A_PART if part else DRAWS)
    sizes = [len(values) for values in resting]
    tiny = torch.finfo(reference.dtype).tiny
    sensitivity = moves.norm(dim=0)
    weights = sensitivity.maximum(FLOOR * sensitivity.amax().clamp_min(tiny)).pow(-POWER)
    lengths = torch.stack([(one * held).norm() for one, held in zip(weights.split(sizes), resting, strict=True)])
    raised = lengths.maximum(FLOOR**2 * lengths.amax()).clamp_min(tiny).pow(-observer.evenness)
    weights = weights * raised.repeat_interleave(torch.tensor(sizes, device=raised.device))
    return weights, _directions(moves * weights) if part else weights.new_zeros(0, len(weights))


def _directions(moves: Tensor) -> Tensor:
    """Principal directions (direction, value) of moves (draw, value), each as long as the root of what is taken out along it."""
    _, lengths, directions = torch.linalg.svd(moves, full_matrices=False)
    variances = lengths.square()
    floor = DIRECTION_FLOOR * variances[0].clamp_min(torch.finfo(moves.dtype).tiny)
    kept = (floor / variances.maximum(floor)).pow(DIRECTION_POWER / 2)
    return (1 - kept).sqrt()[:, None] * directions


def _moves(observer: Observer, shown: Tensor, layers: Sequence[str], draws: int) -> Tensor:
    """How far each draw of noise moves the layers' values at each stimulus, (draw and stimulus, value)."""
    generator = torch.Generator().manual_seed(0)
    resting = _side_by_side(_read(observer, shown, layers))
    moves = []
    for _ in range(draws):
        noise = NOISE * torch.randn(shown.shape, generator=generator).to(shown)
        moves.append(_side_by_side(_read(observer, shown + noise, layers)) - resting)
    return torch.cat(moves)


def _shown(part: Observer | None, reference: Tensor) -> Tensor:
    """The reference itself, or parts of it, anywhere."""
    if part is None:
        return reference[None]
    generator = torch.Generator().manual_seed(0)
    height, width = part.input.shape[-2:]
    rows, columns = (
        torch.randint(whole - side + 1, (PARTS,), generator=generator).tolist()
        for whole, side in zip(reference.shape[-2:], (height, width), strict=True)
    )
    return torch.stack([reference[..., y : y + height, x : x + width] for y, x in zip(rows, columns, strict=True)])


def _read(observer: Observer, stimuli: Tensor, layers: Sequence[str]) -> list[Tensor]:
    read = observer.activations(stimuli, layers)
    return [read[layer] for layer in layers]


def _side_by_side(values: Sequence[Tensor]) -> Tensor:
    return torch.cat([value.flatten(1) for value in values], 1)
