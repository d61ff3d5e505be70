"""How strongly sites saturate: so that the best image there is evokes 1.5 to 2 times what the best natural image does."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synthstim.constraints import Constraint
from synthstim.models import Observer, Unit
from synthstim.objectives import drive
from synthstim.optimise import LBFGS, Stopping, Synthesiser
from synthstim.parametrise import Fourier
from synthstim.simulate.cortex import Saturation, rectified

GAIN = (1.5, 2.0)
# Spikes in the window at the best natural image: from quiet sites to lively ones.
COUNTS = (4.0, 16.0)
BASELINE = 0.08
EVALUATIONS = 80
AT_ONCE = 16


def best_images(
    observer: Observer,
    sites: Sequence[int],
    *,
    seeds: Sequence[int],
    constraints: Sequence[Constraint] = (),
    evaluations: int = EVALUATIONS,
) -> Tensor:
    """The image that drives each site most, found by its own gradient: (site, channel, y, x) display values.

    Args:
        observer: shows images to a cortex; it has the layer ``drive``.
        sites: their numbers, one an image.
        seeds: one an image.
    """
    found = []
    for at in range(0, len(sites), AT_ONCE):
        units = [Unit(layer="drive", channel=site) for site in sites[at : at + AT_ONCE]]
        run = Synthesiser(
            observer,
            drive(units),
            Fourier(observer.input.shape),
            seeds=list(seeds[at : at + AT_ONCE]),
            optimiser=LBFGS(),
            stopping=Stopping(evaluations=evaluations),
            constraints=list(constraints),
        )
        found.append(run.result().stimuli)
    return torch.cat(found)


def saturation(natural: Tensor, oracle: Tensor, generator: torch.Generator) -> Saturation:
    """Naka-Rushton functions that put the gain of the oracle over the best natural image where it is drawn.

    Args:
        natural, oracle: (site,) drive at the best natural image and at the image found by the site's own gradient, in
            standard deviations over natural images.
    """
    sites = len(natural)
    gain = GAIN[0] + (GAIN[1] - GAIN[0]) * torch.rand(sites, generator=generator)
    counts = COUNTS[0] * (COUNTS[1] / COUNTS[0]) ** torch.rand(sites, generator=generator)
    low, high = rectified(natural), rectified(torch.maximum(oracle, natural + 0.1))
    # The baseline is part of both counts: what drive adds must grow by this ratio.
    ratio = (gain - BASELINE) / (1 - BASELINE)
    # In units of the drive at the best natural image: steep powers of large drives leave single precision.
    beyond = high / low
    exponent = (1.4 * ratio.log() / beyond.log()).clamp_min(1.5)
    power = beyond**exponent
    half = power * (ratio - 1) / (power - ratio)
    base = BASELINE * counts
    return Saturation(base, (counts - base) * (1 + half), low * half ** (1 / exponent), exponent)
