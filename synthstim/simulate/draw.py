"""Drawing an animal: which sites it has, what they read, and where their receptive fields lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from synthstim.encoding.fitted import Standardised
from synthstim.models import Observer
from synthstim.simulate.cortex import Cortex, Population, Saturation


class Stage(NamedTuple):
    """A stage of SqueezeNet that sites read: where it ends, and its share in their drive."""

    name: str
    end: int
    share: float


STAGES = (Stage("fire3", 5, 1.0), Stage("fire5", 8, 0.4))
CHANNELS = 16
# A third of the channels that a site reads suppress it.
SUPPRESSIVE = 1 / 3
# Sites whose receptive fields lie on the image's centre: as on an array, where neighbours see the same place.
CENTRAL = 0.3
MIN_CENTRAL = 12


@dataclass(frozen=True)
class Fields:
    """Receptive fields, from -1 to 1 across the image: ``centre`` (site, 2) as y and x, ``width`` (site,)."""

    centre: Tensor
    width: Tensor

    @property
    def central(self) -> list[bool]:
        """Which sites share the field in the image's centre."""
        return [bool((place == 0).all()) for place in self.centre]


def draw_fields(sites: int, generator: torch.Generator) -> Fields:
    """Receptive fields: one centre is shared by a third of the sites, at least 12 if there are so many."""
    central = min(sites, max(MIN_CENTRAL, round(CENTRAL * sites)))
    centre = torch.rand(sites, 2, generator=generator) - 0.5
    centre[:central] = 0
    return Fields(centre, 0.25 + 0.15 * torch.rand(sites, generator=generator))


def draw_cortex(observer: Observer, natural: Tensor, fields: Fields, generator: torch.Generator) -> Cortex:
    """A cortex on an observer's network that does not saturate yet.

    Args:
        observer: SqueezeNet.
        natural: (image, channel, y, x) display values, over which features and drive are standardised.
    """
    network = observer.module.get_submodule("features")
    assert isinstance(network, nn.Sequential)
    sites = len(fields.width)
    stages, populations, parts, first = [], [], [], 0
    features = [observer.preprocess(batch) for batch in natural.split(64)]
    with torch.no_grad():
        for end in (stage.end for stage in STAGES):
            stages.append(network[first:end])
            first = end
            features = [stages[-1](batch) for batch in features]
            scale = torch.stack([batch.square().mean((0, 2, 3)) for batch in features]).mean(0).sqrt().clamp_min(1e-6)
            weight = _weights(sites, len(scale), generator)
            grid = (features[0].shape[2], features[0].shape[3])
            populations.append(Population(scale, weight, fields.centre, fields.width, grid))
            parts.append(_standard(torch.cat([populations[-1](batch) for batch in features])))
        empty, full = torch.zeros(sites), torch.ones(sites)
        shares = [stage.share for stage in STAGES]
        flat = Saturation(empty, full, full, full)
        cortex = Cortex(stages, populations, parts, shares, Standardised(empty, full), flat)
        cortex.drive = _standard(torch.cat([cortex.mixed(observer.preprocess(batch)) for batch in natural.split(64)]))
    return cortex


def _standard(values: Tensor) -> Standardised:
    """Brings (image, site) values to standard deviations over these images."""
    return Standardised(values.mean(0), values.std(0).clamp_min(1e-6))


def _weights(sites: int, channels: int, generator: torch.Generator) -> Tensor:
    """(site, channel): some channels of either sign, most none."""
    weight = torch.zeros(sites, channels)
    for row in weight:
        chosen = torch.randperm(channels, generator=generator)[:CHANNELS]
        size = 0.5 + torch.rand(CHANNELS, generator=generator)
        size[: round(SUPPRESSIVE * CHANNELS)] *= -1
        row[chosen] = size
    return weight
